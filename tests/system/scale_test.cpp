// What 10,000 jobs cost whoever scrapes them, and their scheduler.
#include <algorithm>
#include <cstdio>
#include <map>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

/// An instance on a directory: no server.
class many_jobs : public ::testing::Test {
 protected:
  many_jobs() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~many_jobs() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] fleet::options fleet_options() const {
    fleet::options o;
    o.program = BATON_PROGRAM;
    o.plugin_dir = BATON_PLUGINS;
    o.job_program = BATON_FLEET_JOB;
    o.cluster = "local";
    o.store_url = "local://" + folder_ + "/store";
    return o;
  }

  std::string folder_ = std::filesystem::temp_directory_path() / "baton-local-XXXXXX";
};

microseconds median(std::vector<microseconds> all) {
  std::ranges::sort(all);
  return all[all.size() / 2];
}

/// How late the runs of `job` started that were due in the last `seconds`, as they say themselves.
std::vector<microseconds> lateness(const fleet& f, const std::string& job, wall_time from) {
  std::vector<microseconds> all;
  const auto offset = wall_now() - boot_now().time_since_epoch();
  for (const auto& r : f.runs().of(job)) {
    if (r.tick >= from) all.push_back(offset + r.started.time_since_epoch() - r.tick);
  }
  return all;
}

TEST_F(many_jobs, ten_thousand_are_scraped_in_a_quarter_of_a_second_and_no_tick_is_late_for_it) {
  constexpr int count = is_sanitized ? 500 : 10'000;
  fleet f{fleet_options()};
  f.job("pulse", "{every: 1s}", "--for 1");
  for (int i = 0; i < count; ++i) f.plugin_job("job-" + std::to_string(i), never_due, "noop", "{}");
  auto& a = f.add("a");
  ASSERT_TRUE(f.await_ready(seconds{120})) << f.logs();

  const auto quiet_from = wall_now();
  ASSERT_TRUE(eventually([&] { return lateness(f, "pulse", quiet_from).size() >= 6; }, seconds{20})) << f.logs();
  const auto quiet = median(lateness(f, "pulse", quiet_from));

  const auto busy_from = wall_now();
  std::vector<microseconds> took;
  std::size_t bytes = 0;
  while (lateness(f, "pulse", busy_from).size() < 6 && wall_now() < busy_from + seconds{30}) {
    const auto begin = boot_now();
    const auto text = testing::http_get(a.http_port(), "/metrics", seconds{20});
    took.push_back(boot_now() - begin);
    ASSERT_TRUE(text && text->status == 200);
    bytes = text->body.size();
  }
  const auto busy = median(lateness(f, "pulse", busy_from));
  const auto fastest = *std::ranges::min_element(took);
  std::printf("%d jobs, %zu bytes: %zu scrapes, fastest %s, median %s; ticks %s late without, %s with scrapes\n", count, bytes, took.size(),
              to_text(fastest).c_str(), to_text(median(took)).c_str(), to_text(quiet).c_str(), to_text(busy).c_str());
  EXPECT_GT(bytes, static_cast<std::size_t>(count) * 5'000);
  if (!is_sanitized) {
    EXPECT_LT(fastest, milliseconds{250}) << "on two processors that build software meanwhile it was 150 ms";
  }
  EXPECT_LT(busy, quiet + milliseconds{100}) << "a tick waited for a scrape";
}

}  // namespace
}  // namespace baton::system_test
