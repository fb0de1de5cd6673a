#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connection.hpp"

namespace baton::mysql {

/// Statements on one connection without a thread that waits for each: sent, forgotten until the socket has something to read, received.
/// Between statements the socket is watched, so that the end of the connection is noticed at once.
///
/// Thread safety: none; all of it on the thread that runs the io_context, on which the callbacks are called too.
class async_connection : public std::enable_shared_from_this<async_connection> {
 public:
  using answer = result<std::vector<result_set>>;
  struct question {
    std::string sql;
    microseconds limit{};  ///< for the answer; beyond it the connection is given up. microseconds::max(): none
    std::function<void(answer)> done;
    std::function<void(boot_time)> on_sent = {};
  };

  /// Of an adopted connection the socket is looked at during our statements alone: what else arrives is its owner's.
  enum class watching : std::uint8_t { during_statements = 1, always };
  /// `on_end`: the connection has ended between two statements, or by hang_up(). Called once, if at all.
  static std::shared_ptr<async_connection> start(boost::asio::io_context& io, std::unique_ptr<connection> link, watching when,
                                                 std::function<void(failure)> on_end);
  async_connection(boost::asio::io_context& io, std::unique_ptr<connection> link, watching when, std::function<void(failure)> on_end);
  ~async_connection();
  async_connection(const async_connection&) = delete;
  async_connection& operator=(const async_connection&) = delete;

  /// One after the other, in the order of the calls. After the end of the connection every question fails with store_unavailable.
  void ask(question q);
  /// Before all that wait for their turn.
  void ask_first(question q);
  [[nodiscard]] bool is_asking() const noexcept { return is_asking_; }
  [[nodiscard]] std::size_t questions() const noexcept { return waiting_.size() + (is_asking_ ? 1 : 0); }
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
  [[nodiscard]] unsigned last_error() const noexcept { return link_->last_error(); }
  [[nodiscard]] std::uint64_t id() const noexcept { return link_->id(); }
  [[nodiscard]] connection& link() noexcept { return *link_; }

  /// Ends the connection for both sides; what was asked fails.
  void hang_up(std::string why);
  /// Says good-bye to the server and lets go of the socket. Nothing is called any more.
  void close();

 private:
  void pump();
  void watch();
  void readable();
  void finish(answer a);
  void end(failure why);

  std::unique_ptr<connection> link_;
  std::string where_;
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer timer_;
  watching watching_;
  std::function<void(failure)> on_end_;
  std::deque<question> waiting_;
  question asked_;
  bool is_asking_ = false;
  bool is_pumping_ = false;
  bool has_ended_ = false;
  std::uint64_t turn_ = 0;  ///< tells a timer that comes late from one of the statement under way
};

}  // namespace baton::mysql
