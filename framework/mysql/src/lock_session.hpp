#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "baton/lock/waiting_session.hpp"
#include "connection.hpp"
#include "server.hpp"

namespace baton::mysql {

class lock_session;

/// What a session needs of the outside beside its connection.
struct session_surroundings {
  /// KILL QUERY of a connection, over another one, within the limit.
  std::function<status(std::uint64_t, microseconds)> kill_query;
  std::function<void(const std::string&)> warn;
  std::function<void(lock_session*)> let_go = {};  ///< called by the destructor first
  bool is_adopted = false;                         ///< the program uses the connection too
};

/// lock::waiting_session on one connection.
class lock_session final : public lock::waiting_session {
 public:
  lock_session(std::unique_ptr<connection> link, server of, session_surroundings around)
      : link_(std::move(link)), server_(std::move(of)), around_(std::move(around)), may_hold_others_(around_.is_adopted) {}
  ~lock_session() override;

  [[nodiscard]] result<std::vector<lock::try_outcome>> try_acquire(std::span<const std::string> names) override;
  [[nodiscard]] result<std::vector<bool>> owned(std::span<const std::string> names) override;
  [[nodiscard]] result<lock::probe_reply> probe(std::span<const std::string> names) override;
  [[nodiscard]] result<std::vector<lock::release_outcome>> release(std::span<const std::string> names) override;
  [[nodiscard]] std::uint64_t connection_id() const noexcept override { return link_->id(); }
  [[nodiscard]] const lock::server_identity& identity() const noexcept override { return server_.identity; }
  [[nodiscard]] int descriptor() const noexcept override { return link_->descriptor(); }
  void interrupt() noexcept override { link_->interrupt(); }

  [[nodiscard]] result<lock::wait_reply> acquire(const std::string& name, lock::time_limit limit, lock::reentry again,
                                                 std::stop_token stop) override;
  [[nodiscard]] result<std::uint64_t> release_all() override;
  [[nodiscard]] std::uint64_t generation() const noexcept override { return generation_; }
  [[nodiscard]] bool is_alive() const noexcept override;
  [[nodiscard]] result<std::optional<lock::holder>> find_holder(const std::string& name) override;
  [[nodiscard]] result<std::vector<std::string>> held_names(std::string_view prefix) override;
  [[nodiscard]] lock::counters counters() const override;
  void warn(const std::string& message) noexcept override;

  /// From now on somebody calls keep_alive() about every P: the session counts as ended when nothing has proven it for W - M.
  void be_kept(const lock::lease_timing& timing, boot_time proven);
  /// A probe, if one is due and the session is idle. False once it has ended.
  bool keep_alive();

 private:
  [[nodiscard]] std::optional<std::unique_lock<std::mutex>> take_turn() const;
  // All of these with the turn taken.
  [[nodiscard]] result<std::vector<bool>> ask_owned(std::span<const std::string> names);
  [[nodiscard]] result<std::vector<lock::release_outcome>> ask_release(std::span<const std::string> names);
  [[nodiscard]] result<lock::wait_outcome> wait(const std::string& name, lock::time_limit limit, lock::reentry again,
                                                const std::stop_token& stop);
  /// Asks the server whether the session is to be trusted for another while. False once it is not.
  [[nodiscard]] bool prove();
  [[nodiscard]] bool end_wait();
  [[nodiscard]] result<bool> is_held_after_all(const std::string& name, bool keep);
  void forget(const std::string& name);
  /// Whether the session certainly holds no name, so that it need not be asked whether it holds this one.
  [[nodiscard]] bool holds_nothing() const { return !may_hold_others_ && held_.empty(); }

  mutable std::mutex turn_;  ///< held over each call
  std::unique_ptr<connection> link_;
  server server_;
  session_surroundings around_;
  std::map<std::string, std::uint64_t, std::less<>> held_;  ///< how often each name was acquired by acquire()
  bool may_hold_others_;  ///< by try_acquire(), by a wait that failed, or by whoever else uses an adopted connection
  std::atomic<std::uint64_t> generation_ = 0;
  std::optional<lock::lease_timing> kept_;
  std::atomic<boot_time> proven_{};
  mutable std::mutex counters_mutex_;  ///< a wait does not keep anybody from reading them
  lock::counters counters_;
};

}  // namespace baton::mysql
