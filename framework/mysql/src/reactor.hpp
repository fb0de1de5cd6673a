#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <thread>

namespace baton::mysql {

/// An event loop on a thread of its own: where the sessions of a lock_client live, whatever their callers' threads are at.
class reactor {
 public:
  reactor() : work_(boost::asio::make_work_guard(io_)), thread_([this] { io_.run(); }) {}
  ~reactor() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  template <typename Task>
  void post(Task&& task) {
    boost::asio::post(io_, std::forward<Task>(task));
  }
  /// Keeps the loop running while it lives: held by what will post from another thread.
  [[nodiscard]] auto work() { return boost::asio::make_work_guard(io_); }
  /// Waits until nothing is left to be done.
  void finish() {
    work_.reset();
    thread_.join();
  }
  [[nodiscard]] std::thread::id thread_id() const noexcept { return thread_.get_id(); }

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace baton::mysql
