#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "baton/base/time.hpp"

namespace baton::testing {

/// A TCP port in front of another one, through which a test delays, swallows or cuts what passes.
///
/// Thread safety: any thread. Lifetime: its connections end with it.
class tcp_gate {
 public:
  /// Listens on `address`, an IPv4 address of this machine; forwards to 127.0.0.1:`target`.
  explicit tcp_gate(std::uint16_t target, const std::string& address = "127.0.0.1");
  ~tcp_gate();
  tcp_gate(const tcp_gate&) = delete;
  tcp_gate& operator=(const tcp_gate&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::string& address() const noexcept { return address_; }

  void swallow(bool on) noexcept;              ///< what arrives is lost; connections stay open, new ones too
  void delay(microseconds each_way) noexcept;  ///< of what arrives from now on
  void silence(std::uint16_t port);            ///< nothing passes any more on the connection that the server sees coming from there
  void cut();                                  ///< every connection is reset; new ones are taken

 private:
  struct pair;
  void run();
  void accept_one();
  void move_bytes(const std::shared_ptr<pair>& p, int from, int to);

  const std::uint16_t target_;
  const std::string address_;
  int listener_ = -1;
  int wake_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> swallows_ = false;
  std::atomic<microseconds> delay_{};
  std::atomic<bool> is_ending_ = false;
  std::mutex mutex_;
  std::vector<std::shared_ptr<pair>> pairs_;
  std::thread thread_;
};

}  // namespace baton::testing
