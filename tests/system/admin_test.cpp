// The verbs that talk to one instance, over its unix socket.
#include <csignal>
#include <fstream>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class admin_socket : public on_a_server {
 protected:
  /// An instance whose runtime directory is the fleet's folder.
  static instance& add(fleet& f) {
    return f.add("a", {.clock_offset = {}, .environment = {"RUNTIME_DIRECTORY=" + f.directory().string()}, .store_settings = {}});
  }
  static std::string socket_of(const fleet& f) { return f.directory() / "admin.sock"; }
};

TEST_P(admin_socket, g9_reload_tells_what_became_of_the_file) {
  fleet f{fleet_options()};
  f.job("old", never_due, "--for 20");
  auto& a = add(f);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto reload = [&] { return f.run_program({"reload", "--socket", socket_of(f)}); };

  f.job("new", "{every: 1s}", "--for 20");
  f.write_file("a");
  const auto taken = reload();
  EXPECT_EQ(taken.code, 0) << taken.err;
  EXPECT_THAT(taken.out, HasSubstr("was taken"));
  await_run(f, "new");

  std::ofstream{f.file_of("a"), std::ios::app} << "  broken: {plugin: exec, schedule: \"not a schedule\"}\n";
  const auto refused = reload();
  EXPECT_EQ(refused.code, 78) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("jobs.broken.schedule"));
  EXPECT_THAT(refused.err, HasSubstr("nothing was changed"));
  EXPECT_EQ(a.metrics().value("baton_config_last_reload_successful"), 0);
  f.write_file("a");  // for the verdict
}

TEST_P(admin_socket, g11_drain_lets_what_runs_run_to_its_end_starts_nothing_and_ends_the_instance) {
  fleet f{fleet_options()};
  f.job("long", "{every: 2s}", "--for 3000 --beat 10", "    grace: 0s\n    overlap: allow\n");
  auto& a = add(f);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "long");
  const auto drained = f.run_program({"drain", "--socket", socket_of(f)});
  EXPECT_EQ(drained.code, 0) << drained.err;
  const auto told = boot_now();
  EXPECT_THAT(a.get("/readyz").body, HasSubstr("draining"));
  EXPECT_EQ(f.run_program({"drain", "--wait", "--socket", socket_of(f)}).code, 0);
  EXPECT_EQ(a.process().await_exit(seconds{2}), 0) << f.logs();
  const auto file = f.runs();
  for (const auto& run : file.runs()) {
    EXPECT_LE(run.started, told + milliseconds{150});
    EXPECT_TRUE(run.ended) << "its grace of nothing is for a stop, not for a drain";
    EXPECT_EQ(row_of(f, run), "4/1/1") << "finished, success";
  }
  EXPECT_THAT(locks_left(f, {"long"}), IsEmpty());
  const auto gone = f.run_program({"drain", "--socket", socket_of(f)});
  EXPECT_EQ(gone.code, 69);
  EXPECT_THAT(gone.err, HasSubstr("no instance answers"));
}

TEST_P(admin_socket, g11_sigterm_ends_a_drain_within_the_grace) {
  fleet f{fleet_options()};
  f.job("long", "{every: 2s}", "--for 60000 --beat 10", "    grace: 1s\n");
  auto& a = add(f);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "long");
  EXPECT_EQ(f.run_program({"drain", "--socket", socket_of(f)}).code, 0);
  EXPECT_FALSE(a.process().await_exit(milliseconds{1500})) << "a drain has no limit";
  a.signal(SIGTERM);
  EXPECT_EQ(a.process().await_exit(seconds{5}), 0) << f.logs();
  EXPECT_EQ(row_of(f, f.runs().of("long").back()), "4/4/1") << "finished, cancelled";
}

BATON_ON_BOTH_SERVERS(admin_socket);

}  // namespace
}  // namespace baton::system_test
