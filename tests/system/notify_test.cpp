#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <mutex>
#include <sstream>
#include <thread>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

/// The service manager's end of sd_notify(3): a datagram socket, and all that came in with its time.
class fake_service_manager {
 public:
  explicit fake_service_manager(const std::string& path) : descriptor_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    BATON_ASSERT(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    reader_ = std::thread{[this] { read(); }};
  }
  ~fake_service_manager() {
    ::shutdown(descriptor_, SHUT_RDWR);
    reader_.join();
    ::close(descriptor_);
  }
  fake_service_manager(const fake_service_manager&) = delete;
  fake_service_manager& operator=(const fake_service_manager&) = delete;

  struct notice {
    boot_time at{};
    std::string line;
  };
  std::vector<notice> notices() {
    const std::lock_guard guard{mutex_};
    return notices_;
  }
  bool await(const std::string& beginning, boot_time after, microseconds limit) {
    const auto fits = [&](const notice& n) { return n.at >= after && n.line.starts_with(beginning); };
    return eventually([&] { return std::ranges::any_of(notices(), fits); }, limit);
  }
  /// The longest time without WATCHDOG=1 between the two.
  microseconds longest_silence(boot_time from, boot_time until) {
    microseconds longest{0};
    auto last = from;
    for (const auto& n : notices()) {
      if (n.line != "WATCHDOG=1" || n.at < from || n.at > until) continue;
      longest = std::max(longest, n.at - last);
      last = n.at;
    }
    return std::max(longest, until - last);
  }

 private:
  void read() {
    std::array<char, 4096> data{};
    for (;;) {
      const auto size = ::recv(descriptor_, data.data(), data.size(), 0);
      if (size <= 0) return;
      std::stringstream lines{std::string{data.data(), static_cast<std::size_t>(size)}};
      const std::lock_guard guard{mutex_};
      for (std::string line; std::getline(lines, line);) notices_.push_back({boot_now(), line});
    }
  }

  int descriptor_;
  std::mutex mutex_;
  std::vector<notice> notices_;
  std::thread reader_;
};

class services : public on_a_server {};

TEST_P(services, g7_the_service_manager_hears_ready_status_and_watchdog_also_while_the_store_is_away_and_stopping_at_the_end) {
  fleet f{fleet_options()};
  f.job("short", "{every: 1s}", "--for 20");
  const auto path = (f.directory() / "notify").string();
  fake_service_manager manager{path};
  const auto begin = boot_now();
  // Without WATCHDOG_PID, as for a service whose main process changes.
  auto& daemon = f.add("served", {"", {"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=1000000"}, ""});
  EXPECT_TRUE(manager.await("READY=1", begin, seconds{5})) << f.logs();
  EXPECT_TRUE(manager.await("STATUS=ready", begin, seconds{8}));

  ASSERT_TRUE(server().stop());
  const auto away = boot_now();
  EXPECT_TRUE(manager.await("STATUS=not ready", away, seconds{4}));
  ASSERT_TRUE(eventually([&] { return boot_now() - away >= seconds{4}; }, seconds{6}));
  ASSERT_TRUE(server().start_again());
  const auto back = boot_now();
  EXPECT_TRUE(manager.await("STATUS=ready", back, seconds{5}));
  EXPECT_LE(manager.longest_silence(away, boot_now()), milliseconds{900}) << "systemd would have killed it";

  const auto told = boot_now();
  daemon.signal(SIGTERM);
  EXPECT_TRUE(manager.await("STOPPING=1", told, seconds{2}));
  EXPECT_EQ(daemon.process().await_exit(seconds{5}), 0) << f.logs();
}

BATON_ON_BOTH_SERVERS(services);

}  // namespace
}  // namespace baton::system_test
