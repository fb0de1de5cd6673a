#include "sd_notify.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace baton::program {
namespace {

/// What a service manager listens on: a datagram socket, at a path or (with '@') at an abstract address.
class fake_notify_socket {
 public:
  explicit fake_notify_socket(const std::string& name) : name_(name), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~fake_notify_socket() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(fd_);
    if (name_.front() == '/') ::unlink(name_.c_str());
  }
  fake_notify_socket(const fake_notify_socket&) = delete;
  fake_notify_socket& operator=(const fake_notify_socket&) = delete;

  /// The next message; empty when there is none.
  [[nodiscard]] std::string received() const {
    std::array<char, 256> text{};
    const auto size = ::recv(fd_, text.data(), text.size(), 0);
    return size < 0 ? "" : std::string{text.data(), static_cast<std::size_t>(size)};
  }

 private:
  std::string name_;
  int fd_;
};

TEST(sd_notify, tells_the_service_manager_at_its_path) {
  const fake_notify_socket manager{std::filesystem::temp_directory_path() / ("baton-notify-" + std::to_string(::getpid()))};
  sd_notify("READY=1");
  EXPECT_EQ(manager.received(), "READY=1");
  EXPECT_EQ(manager.received(), "");
}

TEST(sd_notify, tells_the_service_manager_at_an_abstract_address) {
  const fake_notify_socket manager{"@baton-notify-" + std::to_string(::getpid())};
  sd_notify("STOPPING=1\nSTATUS=x");
  EXPECT_EQ(manager.received(), "STOPPING=1\nSTATUS=x");
}

TEST(sd_notify, does_nothing_where_nobody_listens) {
  ::unsetenv("NOTIFY_SOCKET");
  sd_notify("READY=1");
  for (const auto& name : {std::string{"/nowhere/at/all"}, std::string{"relative"}, "/" + std::string(200, 'x'), std::string{}}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    sd_notify("READY=1");
  }
  ::unsetenv("NOTIFY_SOCKET");
}

/// Sets a variable for as long as it lives.
struct variable {
  const char* name;
  variable(const char* n, const std::string& value) : name(n) { ::setenv(n, value.c_str(), 1); }
  ~variable() { ::unsetenv(name); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
};

TEST(sd_notify, knows_how_often_a_sign_of_life_is_expected) {
  EXPECT_EQ(sd_watchdog_interval(), std::nullopt);
  const variable interval{"WATCHDOG_USEC", "30000000"};
  EXPECT_EQ(sd_watchdog_interval(), std::chrono::seconds{30});
  const variable mine{"WATCHDOG_PID", std::to_string(::getpid())};
  EXPECT_EQ(sd_watchdog_interval(), std::chrono::seconds{30});
}

TEST(sd_notify, expects_no_sign_of_life_for_another_process_or_without_a_number) {
  for (const auto* text : {"", "0", "-5", "30s"}) {
    const variable interval{"WATCHDOG_USEC", text};
    EXPECT_EQ(sd_watchdog_interval(), std::nullopt) << text;
  }
  const variable interval{"WATCHDOG_USEC", "30000000"};
  const variable other{"WATCHDOG_PID", std::to_string(::getpid() + 1)};
  EXPECT_EQ(sd_watchdog_interval(), std::nullopt);
}

}  // namespace
}  // namespace baton::program
