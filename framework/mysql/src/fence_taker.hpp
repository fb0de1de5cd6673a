#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "async_connection.hpp"

namespace baton::mysql {

/// Takes fences, and reads and writes who holds a lock, on a connection of its own: what it does can wait for a row, and a lock session
/// never waits. One after the other; the connection is opened when it is needed first, and again after it was lost.
///
/// Thread safety: none; all of it on the reactor's thread.
class fence_taker : public std::enable_shared_from_this<fence_taker> {
 public:
  struct taken {
    std::uint64_t fence = 0;
    bool was_given_back = true;  ///< with a `holder`: the one before gave the lock back in order, or there was none
  };
  struct request {
    std::string name;
    std::uint64_t lock_connection = 0;  ///< of the session that holds the name: asked with the fence's row locked, never before
    std::optional<std::string> holder;  ///< to be found by others, in baton_holder
    boot_time give_up_at{};             ///< how long a row that somebody else has locked is waited for
    std::function<void(result<taken>)> done;
  };
  using opened_link = result<std::unique_ptr<connection>>;
  /// Opens a connection off this thread; the result comes on it.
  using opener = std::function<void(std::function<void(opened_link)>)>;

  /// `on_end`: a connection that was opened is no more.
  fence_taker(boost::asio::io_context& io, opener open, microseconds answer_limit, std::function<void()> on_end)
      : io_(io), open_(std::move(open)), answer_limit_(answer_limit), on_end_(std::move(on_end)) {}

  /// Errors: lock_lost: the session does not hold the name (any more), and the fence is as it was; store_busy: others kept the row locked;
  /// schema_outdated: no tables.
  void take(request r);
  /// A statement, or several.
  void ask(std::string sql, std::function<void(async_connection::answer)> done);
  void close();

 private:
  void enqueue(std::function<void()> start, std::function<void(failure)> cannot);
  void start_next();
  void job_is_over();
  void take_now(const std::shared_ptr<request>& r);
  void decided(const std::shared_ptr<request>& r, result<taken> outcome);

  struct job {
    std::function<void()> start;
    std::function<void(failure)> cannot;
  };
  boost::asio::io_context& io_;
  opener open_;
  microseconds answer_limit_;
  std::function<void()> on_end_;
  std::shared_ptr<async_connection> link_;
  std::deque<job> jobs_;
  bool is_at_work_ = false;
};

}  // namespace baton::mysql
