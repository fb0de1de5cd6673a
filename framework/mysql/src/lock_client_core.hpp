#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async_lock_session.hpp"
#include "baton/mysql/lock_client.hpp"
#include "fence_taker.hpp"
#include "lease_watch.hpp"
#include "reactor.hpp"
#include "session_keeper.hpp"

namespace baton::mysql {

/// How many connections a client may have, and has. Thread safety: any thread.
class connection_budget {
 public:
  explicit connection_budget(std::size_t limit) : limit_(limit) {}
  [[nodiscard]] bool take() noexcept {
    auto used = used_.load();
    while (used < limit_ && !used_.compare_exchange_weak(used, used + 1)) {
    }
    return used < limit_;
  }
  void give_back() noexcept { --used_; }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  [[nodiscard]] failure exceeded() const {
    return {errc::over_budget, "all " + std::to_string(limit_) + " connections that max_connections allows are in use"};
  }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_ = 0;
};

/// Fences are kept by name, byte by byte; MySQL takes "Job" and "job" for one lock.
[[nodiscard]] bool is_portable(const std::string& name);
[[nodiscard]] failure not_portable(const std::string& name);

/// What a lock_client is: the way of every acquire, from its try to its lease.
///
/// try on a shared connection ─ busy ─► wait on one of its own ─► prove ─► fence ─► lease
///           └───────────── acquired ──────────────────────────────┘
///
/// Thread safety: what is marked so from any thread; everything else on the reactor's thread.
class lock_client_core : public std::enable_shared_from_this<lock_client_core> {
 public:
  using acquired = std::function<void(lock::attempt<lease>)>;
  struct acquire_request {
    std::string name;
    lock::time_limit limit;
    std::optional<std::string> holder;             ///< of an election: its label
    std::function<void(bool)> on_given_back = {};  ///< of an election: whether the leader before resigned in order
    acquired done;
  };

  static std::shared_ptr<lock_client_core> start(options where, lock_client_options how);
  [[nodiscard]] static const std::shared_ptr<lock_client_core>& of(lock_client& client) noexcept { return client.core_; }
  lock_client_core(options where, lock_client_options how);
  ~lock_client_core();

  // ---- from any thread
  lock_client::ticket acquire(acquire_request r);
  void cancel(lock_client::ticket t);
  void stop();  ///< gives everything back; blocks
  /// Opens a connection on a thread made for it; `done` on the reactor's. The connection counts until it is given back to the budget.
  void open(connect_options how, std::function<void(result<opened>)> done);
  [[nodiscard]] lock_client_report report() const;
  /// Runs a task on the loop; drops it once the client has stopped.
  template <typename Task>
  bool post(Task&& task) {
    if (has_stopped_) return false;
    reactor_.post(std::forward<Task>(task));
    return true;
  }
  /// What to do on the loop when the client stops before its session is destroyed.
  void close_at_end(const void* session, std::function<void()> close);
  [[nodiscard]] bool forget_to_close(const void* session);  ///< false: it has been closed
  [[nodiscard]] session_keeper& keeper();
  [[nodiscard]] connection_budget& budget() noexcept { return budget_; }
  [[nodiscard]] const options& where() const noexcept { return where_; }
  [[nodiscard]] endpoint_memory& memory() noexcept { return memory_; }
  [[nodiscard]] boost::asio::io_context& io() noexcept { return reactor_.io(); }
  [[nodiscard]] lease_watch& watch() noexcept { return *watch_; }
  [[nodiscard]] bool is_client_thread() const { return watch_->is_client_thread(); }
  [[nodiscard]] bool has_fences() const noexcept { return how_.fences; }
  void warn(const std::string& message) const noexcept;
  /// What a callback of a caller's throws is a warning, and goes no further.
  void call_guarded(const std::string& whose, const std::function<void()>& call) const noexcept;
  /// `done` so called; nothing for an empty one.
  template <typename Answer>
  [[nodiscard]] std::function<void(Answer)> guarded(std::string whose, std::function<void(Answer)> done) {
    if (!done) return [](const Answer&) {};
    return [self = shared_from_this(), whose = std::move(whose), done = std::move(done)](Answer a) {
      self->call_guarded(whose, [&] { done(std::move(a)); });
    };
  }
  void kill_query(std::uint64_t connection_id, std::function<void(status)> done);

  [[nodiscard]] fence_taker& fences() noexcept { return *fences_; }
  /// Asks on a connection that is kept for such questions. Blocks; from any thread but the client's own.
  template <typename Ask>
  auto inquire(Ask ask) -> std::invoke_result_t<Ask, connection&, flavour> {
    const std::lock_guard guard{inquiry_mutex_};
    if (auto ready = open_inquiry(); !ready) return std::move(ready).error();
    return ask(*inquiry_->link, inquiry_->facts.kind);
  }

 private:
  struct acquisition;
  struct pooled;
  using acquisition_ptr = std::shared_ptr<acquisition>;
  using pooled_ptr = std::shared_ptr<pooled>;

  void try_somewhere(const acquisition_ptr& a);
  void tried(const acquisition_ptr& a, const pooled_ptr& p, result<lock::try_outcome> outcome);
  void wait_somewhere(const acquisition_ptr& a);
  void wait_on(const acquisition_ptr& a, const pooled_ptr& p);
  void waited(const acquisition_ptr& a, const pooled_ptr& p, result<lock::wait_reply> reply);
  void granted(const acquisition_ptr& a, const pooled_ptr& p);
  void fenced(const acquisition_ptr& a, const pooled_ptr& p, result<fence_taker::taken> taken);
  void finish(const acquisition_ptr& a, lock::attempt<lease> outcome);
  void give_up(const acquisition_ptr& a, const pooled_ptr& p, failure why);
  void give_back(const std::weak_ptr<pooled>& weak_p, const std::string& name, std::function<void(status)> done);
  [[nodiscard]] lock::time_limit left(const acquisition& a) const;

  void with_session(std::function<void(result<pooled_ptr>)> use);
  void opened_session(opened o, const std::function<void(result<pooled_ptr>)>& use);
  void session_ended(const pooled_ptr& p);
  void server_seen(const pooled_ptr& newest);
  void close_spare_sessions();
  [[nodiscard]] pooled_ptr shared_session(const std::string& but_for) const;
  [[nodiscard]] pooled_ptr spare_session() const;
  void count(const acquisition& a, const lock::attempt<lease>& outcome);

  const options where_;
  const lock_client_options how_;
  connection_budget budget_;
  endpoint_memory memory_;
  std::atomic<lock_client::ticket> next_ticket_ = 1;

  std::map<lock_client::ticket, acquisition_ptr> acquisitions_;
  std::set<pooled_ptr> sessions_;
  std::vector<std::function<void(result<pooled_ptr>)>> for_a_session_;  ///< what waits for the shared session that is being opened
  std::shared_ptr<fence_taker> fences_;
  bool is_stopping_ = false;
  std::atomic<bool> has_stopped_ = false;
  std::atomic<std::size_t> waiting_ = 0;

  std::mutex closers_mutex_;
  std::map<const void*, std::function<void()>> closers_;
  std::unique_ptr<session_keeper> keeper_;  ///< made when the first session wants it

  status open_inquiry();
  std::mutex inquiry_mutex_;
  std::optional<opened> inquiry_;

  mutable std::mutex counters_mutex_;
  lock::counters counters_;

  // Last: their threads use all of the above.
  reactor reactor_;
  std::shared_ptr<lease_watch> watch_;
};

}  // namespace baton::mysql
