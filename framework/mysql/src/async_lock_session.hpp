#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async_connection.hpp"
#include "baton/lock/lease_book.hpp"
#include "lock_statements.hpp"
#include "open.hpp"

namespace baton::mysql {

/// A lock session of a lock_client: its statements on an async_connection, its leases in a book, and a probe every P that keeps it alive
/// and proves them.
///
/// Thread safety: none; all of it on the reactor's thread, on which the callbacks are called too.
class async_lock_session : public std::enable_shared_from_this<async_lock_session> {
 public:
  struct surroundings {
    boost::asio::io_context& io;
    lock::lease_timing timing;
    std::function<void(std::uint64_t connection_id, std::function<void(status)> done)> kill_query;  ///< off this thread; bounded
    std::function<void(const std::vector<lock::lost_lease>&)> on_lost;
    std::function<void(boot_time deadline)> on_proven;
    std::function<void(const failure&)> on_end;  ///< nothing more will come of it; after on_lost
  };
  /// Of an adopted connection nothing is probed: its owner uses it too.
  enum class probing : std::uint8_t { none = 1, regular };

  static std::shared_ptr<async_lock_session> start(opened with, probing how, surroundings around);
  async_lock_session(opened&& with, probing how, surroundings around);

  /// GET_LOCK(name, 0). Never for a name that it holds.
  void try_acquire(const std::string& name, std::function<void(result<lock::try_outcome>)> done);
  /// One at a time. `done` as waiting_session::acquire().
  void wait(const std::string& name, lock::time_limit limit, lock::reentry again, std::function<void(result<lock::wait_reply>)> done);
  void cancel_wait();
  void release(const std::string& name, std::function<void(result<lock::release_outcome>)> done);
  /// A probe before anything else that waits for its turn.
  void prove(std::function<void(status)> done);
  /// Says good-bye; nothing is called any more.
  void close();

  [[nodiscard]] bool has_ended() const noexcept { return link_->has_ended() || book_.is_condemned(); }
  [[nodiscard]] bool is_waiting() const noexcept { return waiting_ != nullptr; }
  [[nodiscard]] bool is_idle() const noexcept { return link_->questions() == 0 && !is_waiting(); }
  [[nodiscard]] const lock::lease_book& book() const noexcept { return book_; }
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] const server& facts() const noexcept { return facts_; }
  /// Somebody else's finding about the server: all is lost.
  void condemn(lock::loss reason, const failure& why);

 private:
  struct pending_wait;
  using answer = async_connection::answer;

  void ask(std::string sql, std::function<void(answer)> done);
  void release_certainly(const std::string& name, bool may_repeat, std::function<void(result<lock::release_outcome>)> done);
  void arm_probe();
  void probed(boot_time sent, answer a, const std::vector<std::string>& names, const std::function<void(status)>& done);
  void apply_probe(boot_time sent, const lock::probe_reply& reply, const std::function<void(status)>& done);
  void start_wait_statement(const std::shared_ptr<pending_wait>& w);
  void end_wait_statement(const std::shared_ptr<pending_wait>& w);
  void wait_answered(const std::shared_ptr<pending_wait>& w, answer a);
  void settle(const std::shared_ptr<pending_wait>& w, result<lock::wait_outcome> outcome, bool keep_if_held, int tries_left);
  void finish_wait(const std::shared_ptr<pending_wait>& w, result<lock::wait_outcome> outcome);

  surroundings around_;
  server facts_;
  std::uint64_t id_ = 0;
  probing probing_;
  lock::lease_book book_;
  boost::asio::steady_timer probe_timer_;
  std::shared_ptr<async_connection> link_;
  std::shared_ptr<pending_wait> waiting_;
  std::map<std::string, std::uint64_t, std::less<>> counts_;  ///< of names acquired by wait(): how often
};

}  // namespace baton::mysql
