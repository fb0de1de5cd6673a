// The verbs that talk to one instance, over its unix socket.
#include <array>
#include <csignal>
#include <cstdio>
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

  struct answer {
    int code = -1;
    std::string text;  ///< of both streams
  };
  static answer baton(const std::string& arguments) {
    FILE* pipe = ::popen((BATON_PROGRAM " " + arguments + " 2>&1").c_str(), "r");
    answer a;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) a.text.append(buffer.data(), n);
    const int status = ::pclose(pipe);
    a.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return a;
  }
};

TEST_P(admin_socket, g9_reload_tells_what_became_of_the_file) {
  fleet f{fleet_options()};
  f.job("old", "{every: 1h}", "--for 20");
  auto& a = add(f);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto reload = [&] { return baton("reload --socket " + socket_of(f)); };

  f.job("new", "{every: 1s}", "--for 20");
  f.write_file("a");
  const auto taken = reload();
  EXPECT_EQ(taken.code, 0) << taken.text;
  EXPECT_THAT(taken.text, HasSubstr("was taken"));
  await_run(f, "new");

  std::ofstream{f.file_of("a"), std::ios::app} << "  broken: {plugin: exec, schedule: \"not a schedule\"}\n";
  const auto refused = reload();
  EXPECT_EQ(refused.code, 78) << refused.text;
  EXPECT_THAT(refused.text, HasSubstr("jobs.broken.schedule"));
  EXPECT_THAT(refused.text, HasSubstr("nothing was changed"));
  EXPECT_EQ(a.metrics().value("baton_config_last_reload_successful"), 0);
  f.write_file("a");  // for the verdict
}

TEST_P(admin_socket, g11_drain_lets_what_runs_run_to_its_end_starts_nothing_and_ends_the_instance) {
  fleet f{fleet_options()};
  f.job("long", "{every: 2s}", "--for 3000 --beat 10", "    grace: 0s\n    overlap: allow\n");
  auto& a = add(f);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "long");
  const auto drained = baton("drain --socket " + socket_of(f));
  EXPECT_EQ(drained.code, 0) << drained.text;
  const auto told = boot_now();
  EXPECT_THAT(a.get("/readyz").body, HasSubstr("draining"));
  EXPECT_EQ(baton("drain --wait --socket " + socket_of(f)).code, 0);
  EXPECT_EQ(a.process().await_exit(seconds{2}), 0) << f.logs();
  const auto file = f.runs();
  for (const auto& run : file.runs()) {
    EXPECT_LE(run.started, told + milliseconds{150});
    EXPECT_TRUE(run.ended) << "its grace of nothing is for a stop, not for a drain";
    EXPECT_EQ(row_of(f, run), "4/1/1") << "finished, success";
  }
  EXPECT_THAT(locks_left(f, {"long"}), IsEmpty());
  const auto gone = baton("drain --socket " + socket_of(f));
  EXPECT_EQ(gone.code, 69);
  EXPECT_THAT(gone.text, HasSubstr("no instance answers"));
}

TEST_P(admin_socket, g11_sigterm_ends_a_drain_within_the_grace) {
  fleet f{fleet_options()};
  f.job("long", "{every: 2s}", "--for 60000 --beat 10", "    grace: 1s\n");
  auto& a = add(f);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "long");
  EXPECT_EQ(baton("drain --socket " + socket_of(f)).code, 0);
  EXPECT_FALSE(a.process().await_exit(milliseconds{1500})) << "a drain has no limit";
  a.signal(SIGTERM);
  EXPECT_EQ(a.process().await_exit(seconds{5}), 0) << f.logs();
  EXPECT_EQ(row_of(f, f.runs().of("long").back()), "4/4/1") << "finished, cancelled";
}

BATON_ON_BOTH_SERVERS(admin_socket);

}  // namespace
}  // namespace baton::system_test
