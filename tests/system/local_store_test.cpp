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
TEST_F(local_store, g4_s07_three_processes_lose_no_tick_and_double_none_and_take_over_from_one_that_is_killed) {
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

TEST_F(local_store, g1_g2_s19_s22_s23_policies_orders_and_a_new_configuration_hold_between_processes_of_one_host) {
  fleet f{fleet_options()};
  f.job("skip", "{every: 2s}", "--for 3000 --beat 20");
  f.job("queue", "{every: 2s}", "--for 3000 --beat 20", "    overlap: queue_one\n");
  f.job("cancel", "{every: 3s}", "--for 60000 --beat 20", "    overlap: cancel_running\n    grace: 1s\n");
  f.job("paused", "{every: 1s}", "--for 20");
  f.job("by-hand", never_due, "--for 300 --beat 10");
  for (const auto* name : {"a", "b"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "paused");

  // Two people at once; the runs come one after the other.
  const auto one = f.start_verb({"trigger", "by-hand"}, "a");
  const auto other = f.start_verb({"trigger", "by-hand"}, "b");
  EXPECT_EQ(one->await_exit(seconds{5}), 0) << one->output();
  EXPECT_EQ(other->await_exit(seconds{5}), 0) << other->output();
  await_run(f, "by-hand", seconds{5}, 2);
  EXPECT_EQ(f.verb({"pause", "paused"}, "b").code, 0);
  const auto paused = wall_now();
  f.rests("paused");

  ASSERT_TRUE(
      eventually([&] { return count_runs(f, "skip") >= 3 && count_runs(f, "queue") >= 3 && count_runs(f, "cancel") >= 3; }, seconds{20}))
      << f.logs();
  const auto file = f.runs();
  const auto skipping = file.of("skip");
  for (std::size_t i = 1; i < skipping.size(); ++i)
    EXPECT_EQ(skipping[i].tick - skipping[i - 1].tick, seconds{4}) << "each second tick overlaps";
  const auto queued = file.of("queue");
  EXPECT_EQ(queued[1].tick - queued[0].tick, seconds{2}) << "it has waited";
  EXPECT_GE(queued[1].started, *queued[0].ended);
  const auto cancelled = file.of("cancel");
  for (std::size_t i = 1; i < cancelled.size(); ++i) EXPECT_EQ(cancelled[i].tick - cancelled[i - 1].tick, seconds{3}) << "each tick runs";
  EXPECT_TRUE(cancelled[0].told_to_stop);
  for (const auto& [tick, times] : file.ticks_of("paused")) EXPECT_LT(tick, paused + seconds{2}) << "was started in the pause";

  // One of them gets a file with another job and without `cancel`, then the other: what runs under way has its old rules.
  f.forget_jobs();
  f.job("skip", "{every: 2s}", "--for 3000 --beat 20");
  f.job("queue", "{every: 2s}", "--for 3000 --beat 20", "    overlap: queue_one\n");
  f.job("fresh", "{every: 1s}", "--for 20");
  f.rests("cancel");
  for (const auto* name : {"a", "b"}) {
    f.write_file(name);
    f.named(name).signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return !f.named(name).log_lines("configuration reloaded").empty(); }, seconds{5})) << f.logs();
  }
  await_run(f, "fresh", seconds{5}, 2);
}

TEST_F(local_store, g3_s15_ticks_while_no_process_runs_are_caught_up_as_each_job_says) {
  fleet f{fleet_options()};
  f.job("none", "{every: 1s}", "--for 20", "    catch_up: {policy: none}\n");
  f.job("latest", "{every: 1s}", "--for 20");
  f.job("all", "{every: 1s}", "--for 20", "    catch_up: {policy: all, window: 1m}\n");
  f.add("before");
  for (const auto* job : {"none", "latest", "all"}) await_run(f, job);
  EXPECT_THAT(f.stop(), ::testing::Each(0));
  const auto stopped = wall_now();
  ASSERT_TRUE(eventually([&] { return wall_now() >= stopped + seconds{5}; }, seconds{8}, milliseconds{50}));
  const auto began = wall_now();
  f.add("after");
  for (const auto* job : {"none", "latest", "all"}) {
    EXPECT_TRUE(eventually([&] { return f.runs().ticks_of(job).rbegin()->first > began + seconds{1}; }, seconds{15})) << f.logs();
  }
  const auto in_the_gap = [&](const char* job) {
    const auto ticks = f.runs().ticks_of(job);
    return std::ranges::count_if(ticks, [&](const auto& t) { return t.first > stopped && t.first <= began - seconds{2}; });
  };
  EXPECT_EQ(in_the_gap("none"), 0);
  EXPECT_LE(in_the_gap("latest"), 1);
  EXPECT_EQ(in_the_gap("all"), (std::chrono::floor<seconds>(began - seconds{2}) - std::chrono::floor<seconds>(stopped)).count());
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
    const auto is_told = [&] {  // by whoever has something to write
      fill();
      return !f[0].log_lines("the disk is full").empty() || !f[1].log_lines("the disk is full").empty();
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

/// Two processes whose clocks show a night on which those of Berlin are changed, at 01:00 UTC. The ticks are those of
/// docs/explanation/time.md, written by hand.
class night {
 public:
  struct expected_job {
    const char* name;
    const char* expression;
    std::vector<std::string_view> ticks;
  };

  night(fleet::options where, std::string_view begins, std::vector<expected_job> jobs) : fleet_(std::move(where)), jobs_(std::move(jobs)) {
    fleet_.cannot_work("it has worked at another time than the verdict would look at");
    const auto first = from_rfc3339(begins).value();
    const auto offset = std::to_string((first - wall_now()).count()) + "us";
    for (const auto& j : jobs_) fleet_.job(j.name, '"' + std::string{j.expression} + '"', "--for 20", "    timezone: Europe/Berlin\n");
    fleet_.job("often", "\"*/5 * * * * *\"", "--for 20", "    timezone: Europe/Berlin\n");
    for (const auto* name : {"a", "b"}) fleet_.add(name, {.clock_offset = offset, .environment = {}, .store_settings = {}});
    begins_ = first;
  }

  void expect_ready() { ASSERT_TRUE(fleet_.await_ready()) << fleet_.logs(); }
  void expect_ticks(wall_time until) {
    fleet_.stop();
    const auto file = fleet_.runs();
    for (const auto& j : jobs_) {
      std::vector<std::string> ran;
      for (const auto& r : file.of(j.name)) ran.push_back(to_rfc3339(r.tick));
      EXPECT_THAT(ran, ::testing::ElementsAreArray(j.ticks)) << j.name << "\n" << fleet_.logs();
    }
    const auto often = file.of("often");
    ASSERT_GE(often.size(), 4U);
    for (std::size_t i = 1; i < often.size(); ++i) EXPECT_EQ(often[i].tick, often[i - 1].tick + seconds{5});
    const auto told = fleet_.verb({"verify", "--from", to_rfc3339(begins_), "--to", to_rfc3339(until)}, "a");
    EXPECT_EQ(told.code, 0) << told.out << told.err;
  }

 private:
  fleet fleet_;
  std::vector<expected_job> jobs_;
  wall_time begins_{};
};

TEST_F(local_store, g12_s14_processes_run_the_ticks_of_the_rule_in_nights_on_which_the_clocks_change) {
  const auto began = boot_now();
  // 02:59:59 is followed by 02:00:00.
  night autumn{fleet_options(),
               "2026-10-25T00:59:46Z",
               {{"twice", "10 0 * * * *", {"2026-10-25T01:00:10.000000Z"}},
                {"first-pass", "55 59 2 * * *", {"2026-10-25T00:59:55.000000Z"}},
                {"not-again", "5 0 2 * * *", {}}}};
  // 01:59:59 is followed by 03:00:00.
  auto elsewhere = fleet_options();
  elsewhere.store_url = "local://" + folder_ + "/spring";
  night spring{elsewhere,
               "2026-03-29T00:59:46Z",
               {{"lacking", "30 15 2 * * *", {"2026-03-29T01:00:00.000000Z"}},
                {"before", "55 59 1 * * *", {"2026-03-29T00:59:55.000000Z"}},
                {"after", "8 0 3 * * *", {"2026-03-29T01:00:08.000000Z"}}}};
  autumn.expect_ready();
  spring.expect_ready();
  ASSERT_TRUE(eventually([&] { return boot_now() >= began + seconds{28}; }, seconds{40}, milliseconds{100}));
  autumn.expect_ticks(from_rfc3339("2026-10-25T01:00:13Z").value());
  spring.expect_ticks(from_rfc3339("2026-03-29T01:00:13Z").value());
}

}  // namespace
}  // namespace baton::system_test
