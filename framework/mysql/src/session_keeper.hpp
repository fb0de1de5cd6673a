#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "lock_session.hpp"

namespace baton::mysql {

/// A thread that keeps sessions of programs alive, which may be silent for as long as they like: one probe for each every P.
///
/// Thread safety: any thread. Lifetime: outlives its sessions.
class session_keeper {
 public:
  explicit session_keeper(const lock::lease_timing& timing) : timing_(timing), thread_([this] { run(); }) {}
  ~session_keeper();
  session_keeper(const session_keeper&) = delete;
  session_keeper& operator=(const session_keeper&) = delete;

  void add(lock_session& session, boot_time proven);
  void remove(lock_session* session);  ///< when it returns, the session is not touched any more

 private:
  void run();

  const lock::lease_timing timing_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<lock_session*> sessions_;
  lock_session* in_hand_ = nullptr;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace baton::mysql
