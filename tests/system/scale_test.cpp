// What 10,000 jobs cost whoever scrapes them, and their scheduler.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

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

/// Reads a scrape and keeps nothing of it: as fast as anybody can. The number of bytes.
std::size_t read_scrape(std::uint16_t port) {
  const int link = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  std::size_t bytes = 0;
  if (::connect(link, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::send(link, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    static std::array<char, 1 << 18> part;
    for (ssize_t n = 0; (n = ::recv(link, part.data(), part.size(), 0)) > 0;) bytes += static_cast<std::size_t>(n);
  }
  ::close(link);
  return bytes;
}

microseconds median(std::vector<microseconds> all) {
  std::ranges::sort(all);
  return all[all.size() / 2];
}

/// How late the runs of `job` started that were due from then on, as they say themselves.
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
  std::vector<microseconds> worked;
  std::size_t bytes = 0;
  while (took.size() < 5 || lateness(f, "pulse", busy_from).size() < 6) {
    ASSERT_LT(wall_now(), busy_from + seconds{60}) << f.logs();
    const auto begin = boot_now();
    const auto before = a.process().processor_time();
    bytes = read_scrape(a.http_port());
    took.push_back(boot_now() - begin);
    worked.push_back(a.process().processor_time() - before);
  }
  const auto busy = median(lateness(f, "pulse", busy_from));
  std::printf("%d jobs, %zu bytes: %zu scrapes, median %s, of which the instance worked %s; ticks %s late without, %s with scrapes\n",
              count, bytes, took.size(), to_text(median(took)).c_str(), to_text(median(worked)).c_str(), to_text(quiet).c_str(),
              to_text(busy).c_str());
  EXPECT_GT(bytes, static_cast<std::size_t>(count) * 5'000);
  if (!is_sanitized) {
    // Its own time counts: how long the answer takes tells of the machine's other work.
    EXPECT_LT(std::ranges::min(worked), milliseconds{250});
    EXPECT_LT(std::ranges::min(took), seconds{2});
  }
  EXPECT_LT(busy, quiet + milliseconds{100}) << "a tick waited for a scrape";
}

}  // namespace
}  // namespace baton::system_test
