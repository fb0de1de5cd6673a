#pragma once

#include <signal.h>

#include <ctime>

namespace plugins {

/// Keeps a signal from the calling thread for as long as it lives; one that came meanwhile is forgotten.
class blocked_signal {
 public:
  explicit blocked_signal(int signal) noexcept : signal_{signal} {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, signal);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }

  ~blocked_signal() {
    // Blocked before, too: whoever did that decides what becomes of the signal. Otherwise what waits for this thread would end the
    // process before it has said how the run ended.
    if (::sigismember(&before_, signal_) == 1) return;
    const timespec at_once{};
    while (::sigtimedwait(&set_, nullptr, &at_once) > 0) continue;
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  blocked_signal(const blocked_signal&) = delete;
  blocked_signal& operator=(const blocked_signal&) = delete;

 private:
  int signal_;
  sigset_t set_;
  sigset_t before_;
};

}  // namespace plugins
