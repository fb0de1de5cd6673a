#include <array>
#include <chrono>
#include <cstdio>
#include <thread>

#include "bed.hpp"

namespace baton::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::array<const char*, 14> bounds{"0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
                                             "0.5",   "1",     "5",    "15",    "60",   "300", "3600"};

/// How many ticks were at most so late, by bound; the last is all.
using lateness = std::array<double, bounds.size() + 1>;

lateness look(testing::fleet& f) {
  lateness counts{};
  for (auto& i : f) {
    const auto reply = testing::http_get(i->http_port(), "/metrics", 60s);
    if (!reply) fail("no metrics: " + reply.error().context);
    const auto metrics = testing::scrape::parse(reply->body);
    for (std::size_t b = 0; b < bounds.size(); ++b)
      counts[b] += metrics.value("baton_tick_lateness_seconds_bucket", {{"le", bounds[b]}}).value_or(0);
    counts.back() += metrics.value("baton_tick_lateness_seconds_count").value_or(0);
  }
  return counts;
}

/// In ms, between two bounds as if ticks were spread evenly there.
double quantile(const lateness& counts, double part) {
  const auto wanted = part * counts.back();
  double below = 0;
  double from = 0;
  for (std::size_t b = 0; b < bounds.size(); ++b) {
    const auto to = std::stod(bounds[b]);
    if (counts[b] >= wanted) return 1000 * (from + (to - from) * (wanted - below) / std::max(1.0, counts[b] - below));
    below = counts[b];
    from = to;
  }
  return 1000 * from;
}

}  // namespace

void steady(bed& b) {
  const auto jobs = b.wanted.jobs;
  b.print_head(std::to_string(jobs) + " jobs each due every second for " + std::to_string(b.wanted.seconds) + " s");
  auto f = b.make_fleet("steady");
  for (int i = 0; i < jobs; ++i) {
    // Spread over the second. A tick that follows the last one after a moment is not skipped, and does not make that one a missed one.
    f->plugin_job("job-" + std::to_string(i), "{every: 1s}", "noop", "{}",
                  "    isolation: in_process\n    jitter: 999ms\n    overlap: queue_one\n    catch_up: {policy: all}\n");
  }
  b.start(*f, 120s);
  std::this_thread::sleep_for(5s);  // the first ticks find a fleet that starts

  const auto late_before = look(*f);
  const auto from = std::chrono::ceil<std::chrono::seconds>(testing::wall_now());
  std::this_thread::sleep_until(std::chrono::system_clock::time_point{from.time_since_epoch()});
  const auto cpu_before = cpu_of(*f);
  const auto server_before = b.server_cpu();
  const auto questions = b.questions();
  std::this_thread::sleep_for(std::chrono::seconds{b.wanted.seconds});
  const auto asked = static_cast<double>(b.questions() - questions);
  const auto cpu_took = cpu_of(*f) - cpu_before;
  const auto server_took = b.server_cpu() - server_before;
  auto late = look(*f);
  for (std::size_t i = 0; i < late.size(); ++i) late[i] -= late_before[i];

  const auto all = static_cast<double>(jobs) * b.wanted.seconds;
  const auto until = to_rfc3339(from + std::chrono::seconds{b.wanted.seconds}).substr(0, 19);
  const auto of_them = "cluster='steady' AND kind=1 AND tick>='" + to_rfc3339(from).substr(0, 19) + "' AND tick<'" + until + "'";
  const auto runs = [&] { return b.number("SELECT COUNT(*) FROM baton.baton_tick WHERE " + of_them + " AND state=4 AND outcome=1"); };
  for (const auto limit = testing::wall_now() + 15s; runs() < all && testing::wall_now() < limit;) std::this_thread::sleep_for(500ms);
  const auto missing = all - runs();
  const auto p50 = quantile(late, 0.5);
  const auto p99 = quantile(late, 0.99);
  const auto per_thousand = 1e6 / all;
  const auto why = b.ask(
      "SELECT GROUP_CONCAT(n SEPARATOR '; ') FROM (SELECT CONCAT(SUM(tick_count),' of state ',state,' reason ',reason,' outcome ',"
      "outcome) n FROM baton.baton_tick WHERE " +
      of_them + " AND NOT (state=4 AND outcome=1) GROUP BY state,reason,outcome) t");
  if (missing > 0) std::printf("not run: %s\n", why.c_str());
  std::printf("late by p50 %.1f ms, p99 %.1f ms; %.0f of %.0f ticks did not run\n", p50, p99, missing, all);
  std::printf("CPU for 1,000 runs: instances %.0f ms, server %.0f ms; statements a run %.3f\n", cpu_took * per_thousand,
              server_took * per_thousand, asked / all);
  b.keep("steady_late_p50", p50, "ms");
  b.keep("steady_late_p99", p99, "ms");
  b.keep("steady_not_run", missing, "");
  b.keep("steady_cpu_per_1000_runs", cpu_took * per_thousand, "ms");
  b.keep("steady_server_cpu_per_1000_runs", server_took * per_thousand, "ms");
  b.keep("steady_statements_a_run", asked / all, "");
}

}  // namespace baton::bench
