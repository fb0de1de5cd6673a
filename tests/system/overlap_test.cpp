// Every overlap policy on two instances, against docs/explanation/policies.md: which ticks run, which are skipped.
#include "fixture.hpp"

namespace baton::system_test {
namespace {

class overlaps : public on_a_server {
 protected:
  struct rule {
    const char* job;
    std::size_t waiting;  ///< so many ticks may wait for the end of a run
  };
  /// A run by the clock on the wall, as the ledger has its ticks.
  struct span {
    wall_time tick, start, end;
  };
  static std::vector<span> spans_of(const run_file& file, const std::string& job) {
    const auto offset = wall_now() - boot_now().time_since_epoch();
    std::vector<span> all;
    for (const auto& r : file.of(job)) {
      all.push_back({r.tick, offset + r.started.time_since_epoch(), r.ended ? offset + r.ended->time_since_epoch() : wall_time::max()});
    }
    return all;
  }
  /// "state/reason" of the row that stands for a tick; "" if none does.
  std::string decision(const fleet& f, const std::string& job, wall_time tick) const {
    const auto at = "'" + to_sql(tick) + "'";
    return ask_one("SELECT CONCAT(state,'/',reason) FROM baton.baton_tick WHERE cluster='" + f.cluster() + "' AND job='" + job +
                   "' AND tick<=" + at + " AND COALESCE(until_tick,tick)>=" + at);
  }
};

TEST_P(overlaps, g2_s19_each_policy_runs_and_skips_the_ticks_that_the_table_names) {
  fleet f{fleet_options()};
  // Runs of one and a half periods, as 90 s each minute.
  f.job("skip", "{every: 2s}", "--for 3000 --beat 20");
  f.job("queue-one", "{every: 2s}", "--for 3000 --beat 20", "    overlap: queue_one\n");
  f.job("queue-all", "{every: 2s}", "--for 3000 --beat 20", "    overlap: queue_all\n    queue_limit: 2\n    catch_up: {policy: all}\n");
  f.job("cancel", "{every: 4s}", "--for 60000 --beat 20", "    overlap: cancel_running\n    grace: 1s\n");
  f.job("allow", "{every: 2s}", "--for 3000 --beat 20", "    overlap: allow\n");
  for (const auto* name : {"a", "b"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  for (const auto* job : {"skip", "queue-one", "queue-all", "cancel", "allow"}) await_run(f, job);
  const auto from = wall_now();
  ASSERT_TRUE(eventually([&] { return wall_now() >= from + seconds{11}; }, seconds{20}, milliseconds{100}));
  const auto file = f.runs();

  for (const auto& [job, waiting] : {rule{"skip", 0}, rule{"queue-one", 1}, rule{"queue-all", 2}}) {
    const auto spans = spans_of(file, job);
    const auto count = [&](auto&& of) { return static_cast<std::size_t>(std::ranges::count_if(spans, of)); };
    std::size_t decided = 0;
    std::size_t skipped = 0;
    std::size_t in_the_queue = 0;
    auto tick = spans.front().tick;
    for (; tick < from + seconds{8}; tick += seconds{2}) {
      constexpr auto near = milliseconds{300};  // a start or an end this near to the tick may have come before it or after it
      const auto is_near = [&](wall_time t) { return t > tick - near && t < tick + near; };
      if (std::ranges::any_of(spans, [&](const span& s) { return s.tick < tick && (is_near(s.start) || is_near(s.end)); })) continue;
      const bool under_way = count([&](const span& s) { return s.tick < tick && s.start <= tick && s.end > tick; }) > 0;
      const auto ahead = count([&](const span& s) { return s.tick < tick && s.start > tick; }) + in_the_queue;
      const bool is_full = ahead >= waiting;
      const auto found = decision(f, job, tick);
      if (found.empty() && !is_full && tick > spans.back().tick) {
        ++in_the_queue;  // its turn is still to come
        continue;
      }
      EXPECT_EQ(found, under_way && is_full      ? (waiting == 0 ? "5/1" : "5/4")
                       : found.starts_with("1/") ? "1/0"
                                                 : "4/0")
          << job << " " << to_rfc3339(tick) << (under_way ? " came due beside a run" : " had nobody in its way");
      EXPECT_EQ(count([&](const span& s) { return s.tick == tick; }), under_way && is_full ? 0U : 1U) << job << " " << to_rfc3339(tick);
      ++decided;
      skipped += found.starts_with("5/") ? 1 : 0;
    }
    EXPECT_GE(decided, 2U) << job << ": every tick met a start or an end";
    if (waiting == 0) {
      EXPECT_GE(skipped, 1U) << "nothing overlapped";
    }
    EXPECT_TRUE(std::ranges::is_sorted(spans, {}, &span::tick)) << job << " ran its ticks out of order";
  }

  const auto side_by_side = spans_of(file, "allow");
  ASSERT_GE(side_by_side.size(), 4U) << f.logs();
  for (std::size_t i = 0; i + 1 < side_by_side.size(); ++i) {
    const auto& [tick, start, end] = side_by_side[i];
    EXPECT_LT(start - tick, milliseconds{1500});
    EXPECT_EQ(side_by_side[i + 1].tick, tick + seconds{2}) << "each tick runs";
    const bool is_in_time = side_by_side[i + 1].start - side_by_side[i + 1].tick < milliseconds{500};
    EXPECT_TRUE(!is_in_time || side_by_side[i + 1].start < end) << "beside the last";
  }

  const auto cancelled = file.of("cancel");
  ASSERT_GE(cancelled.size(), 3U) << f.logs();
  for (std::size_t i = 0; i + 1 < cancelled.size(); ++i) {
    EXPECT_EQ(cancelled[i + 1].tick, cancelled[i].tick + seconds{4}) << "each tick runs";
    EXPECT_EQ(row_of(f, cancelled[i]), "4/4/1") << "finished, cancelled";
  }
}

BATON_ON_BOTH_SERVERS(overlaps);

}  // namespace
}  // namespace baton::system_test
