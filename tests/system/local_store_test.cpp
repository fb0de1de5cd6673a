#include <sys/mount.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>

#include "baton/local/store.hpp"
#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A fleet on a directory: no server.
class local_store : public ::testing::Test {
 protected:
  local_store() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~local_store() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string directory() const { return folder_ + "/store"; }
  [[nodiscard]] fleet::options fleet_options() const {
    fleet::options o;
    o.program = BATON_PROGRAM;
    o.plugin_dir = BATON_PLUGINS;
    o.job_program = BATON_FLEET_JOB;
    o.cluster = "local";
    o.store_url = "local://" + directory();
    return o;
  }
  [[nodiscard]] std::vector<ledger::tick_row> rows(const std::string& job) const {
    local::options where;
    where.directory = directory();
    const auto control = local::store::create(where)->open_control();
    EXPECT_TRUE(control) << control.error().context;
    ledger::row_query query;
    query.job = job;
    query.limit = 10'000;
    return (*control)->rows("local", query).value();
  }
  /// Ticks of a job that is due each second, within [from, to), that no row accounts for.
  [[nodiscard]] std::vector<std::string> unaccounted(const std::string& job, wall_time from, wall_time to) const {
    const auto known = rows(job);
    std::vector<std::string> missing;
    for (auto t = wall_time{std::chrono::ceil<seconds>(from)}; t < to; t += seconds{1}) {
      const auto covers = [t](const ledger::tick_row& r) { return r.key.tick <= t && t <= r.until.value_or(r.key.tick); };
      if (std::ranges::none_of(known, covers)) missing.push_back(to_rfc3339(t));
    }
    return missing;
  }

  std::string folder_ = std::filesystem::temp_directory_path() / "baton-local-XXXXXX";
};

// G1, G2, G4, G11.
TEST_F(local_store, three_processes_lose_no_tick_and_double_none_and_take_over_from_one_that_is_killed) {
  fleet f{fleet_options()};
  f.job("pulse", "{every: 1s}", "--for 20");
  f.job("long", "{every: 30s, anchor: \"" + to_rfc3339(std::chrono::floor<seconds>(wall_now()) + seconds{3}) + "\"}",
        "--for 4000 --beat 20 --children 1", "    on_crash: retry\n");
  for (const auto* name : {"a", "b", "c"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  for (auto& i : f) EXPECT_THAT(i->log_lines("serves this host alone"), SizeIs(1));
  const auto from = wall_now();

  const auto interrupted = await_run(f, "long");
  ASSERT_TRUE(eventually([&] { return !f.runs().of("long").back().children.empty(); }, seconds{2}));
  f.named(interrupted.instance).signal(SIGKILL);
  const auto killed = boot_now();
  const auto again = await_run(f, "long", seconds{10}, 2);
  EXPECT_EQ(again.tick, interrupted.tick);
  EXPECT_EQ(again.attempt, 2U);
  EXPECT_GT(again.fence, interrupted.fence);
  EXPECT_NE(again.instance, interrupted.instance);
  EXPECT_LE(again.started - killed, wait_timeout + 2 * stop_time + seconds{2}) << "no session is older than W by then";
  ASSERT_TRUE(eventually([&] { return f.runs().of("long").back().ended.has_value(); }, seconds{10}));

  const auto to = wall_now() - seconds{1};
  EXPECT_TRUE(eventually([&] { return unaccounted("pulse", from, to).empty(); }, seconds{5}));
  EXPECT_THAT(unaccounted("pulse", from, to), IsEmpty()) << f.logs();
  EXPECT_THAT(f.runs().violations(), IsEmpty());
  f.stop();
  for (const auto& row : rows("pulse")) EXPECT_FALSE(ledger::is_open(row.state)) << to_rfc3339(row.key.tick);
  const auto ended = rows("long");
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].outcome, ledger::run_outcome::success);
  EXPECT_EQ(ended[0].attempt, 2U);
  const std::filesystem::directory_iterator locks{directory() + "/locks"};
  const auto is_incarnation = [](const auto& file) { return file.path().string().find("%7Ei") != std::string::npos; };
  EXPECT_LE(std::count_if(begin(locks), end(locks), is_incarnation), 1)
      << "only that of the killed one may be left, for the next start to sweep";
}

// G3, G7: a full disk is an error; with room again the fleet goes on by itself, and the gap is in the ledger.
TEST_F(local_store, a_full_disk_stops_runs_and_loses_no_tick) {
  std::filesystem::create_directories(directory());
  if (::mount("tmpfs", directory().c_str(), "tmpfs", 0, "mode=0700,size=1m") != 0) {
    GTEST_SKIP() << "SKIPPED: cannot here: mount() is not permitted";
  }
  {
    fleet f{fleet_options()};
    f.job("pulse", "{every: 1s}", "--for 20");
    f.add("a");
    f.add("b");
    ASSERT_TRUE(f.await_ready()) << f.logs();
    await_run(f, "pulse");
    const auto from = wall_now();
    const auto filler = directory() + "/filler";
    const auto fill = [&] {
      std::ofstream out{filler, std::ios::app};
      while (out.write(std::string(512, 'x').data(), 512).flush()) {
      }
    };
    const auto is_told = [&] {
      fill();
      return !f[0].log_lines("the disk is full").empty() && !f[1].log_lines("the disk is full").empty();
    };
    EXPECT_TRUE(eventually(is_told, seconds{20}, milliseconds{50})) << f.logs();
    std::filesystem::remove(filler);
    const auto runs = f.runs().of("pulse").size();
    EXPECT_TRUE(eventually([&] { return f.runs().of("pulse").size() >= runs + 2; }, seconds{15})) << f.logs();
    const auto to = wall_now() - seconds{1};
    EXPECT_TRUE(eventually([&] { return unaccounted("pulse", from, to).empty(); }, seconds{5}));
    EXPECT_THAT(unaccounted("pulse", from, to), IsEmpty()) << f.logs();
    EXPECT_THAT(f.runs().violations(), IsEmpty());
  }
  ::umount2(directory().c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace baton::system_test
