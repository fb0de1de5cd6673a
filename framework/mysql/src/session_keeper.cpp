#include "session_keeper.hpp"

namespace baton::mysql {

session_keeper::~session_keeper() {
  {
    const std::lock_guard guard{mutex_};
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void session_keeper::add(lock_session& session, boot_time proven) {
  session.be_kept(timing_, proven);
  const std::lock_guard guard{mutex_};
  sessions_.push_back(&session);
  changed_.notify_all();
}

void session_keeper::remove(lock_session* session) {
  std::unique_lock guard{mutex_};
  std::erase(sessions_, session);
  changed_.wait(guard, [&] { return in_hand_ != session; });
}

void session_keeper::run() {
  std::unique_lock guard{mutex_};
  while (!is_ending_) {
    for (std::size_t i = 0; i < sessions_.size() && !is_ending_;) {
      in_hand_ = sessions_[i];
      guard.unlock();
      const bool goes_on = in_hand_->keep_alive();
      guard.lock();
      if (!goes_on) std::erase(sessions_, in_hand_);
      if (i < sessions_.size() && sessions_[i] == in_hand_) ++i;
      in_hand_ = nullptr;
      changed_.notify_all();
    }
    // Several looks in a P, so that no probe is late by a whole one.
    if (!is_ending_) changed_.wait_for(guard, timing_.probe / 4);
  }
}

}  // namespace baton::mysql
