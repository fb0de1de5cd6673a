#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "baton/base/time.hpp"
#include "baton/engine/types.hpp"
#include "baton/ledger/session.hpp"
#include "baton/lock/session.hpp"

namespace baton::runtime {

/// A thread for the blocking calls of one store session, one after the other. Between calls it watches the session's socket.
///
/// Thread safety: all functions from any thread but the worker's own.
class worker {
 public:
  worker(const clock& time, std::function<void()> on_end_of_file);
  virtual ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// Ends a call that is under way, drops those that wait, and lets the thread run out. Does not block.
  void close();
  [[nodiscard]] bool has_ended() const noexcept { return ended_.load(); }
  /// Since when the call under way has been running.
  [[nodiscard]] std::optional<boot_time> busy_since() const noexcept;

 protected:
  void post(std::function<void()> task);
  void watch(int descriptor) noexcept { watched_ = descriptor; }
  [[nodiscard]] boot_time steady_now() const noexcept { return time_.now().steady; }
  /// Called under close(), while the worker's thread may be inside a call.
  virtual void interrupt() noexcept = 0;
  /// On the worker's thread, when it runs out.
  virtual void end() noexcept = 0;
  void begin();  ///< starts the thread: the last thing a constructor does
  void join();   ///< the first thing a destructor does

 private:
  void run();
  void wait_for_work();
  [[nodiscard]] bool peer_has_ended(int descriptor) const noexcept;

  const clock& time_;
  std::function<void()> on_end_of_file_;
  int wake_ = -1;
  int watched_ = -1;  // of the worker's thread
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
  bool closing_ = false;
  std::atomic<bool> ended_{false};
  std::atomic<std::int64_t> busy_since_{0};
  std::thread thread_;
};

/// Says what came of a call; called on the worker's thread.
using deliver = std::function<void(engine::event)>;

class lock_worker final : public worker {
 public:
  using opener = std::function<result<std::unique_ptr<lock::session>>()>;
  lock_worker(engine::session_id id, const clock& time, opener open, deliver to);
  ~lock_worker() override;

  void perform(engine::acquire a);
  void perform(engine::ask_owned a);
  void perform(engine::probe a);
  void perform(engine::release a);

 private:
  template <typename Event, typename Call>
  void call(Call what);
  void interrupt() noexcept override;
  void end() noexcept override;

  engine::session_id id_;
  deliver deliver_;
  std::mutex session_mutex_;  // held to set, reset or interrupt; not over a call
  std::unique_ptr<lock::session> session_;
};

class ledger_worker final : public worker {
 public:
  using opener = std::function<result<std::unique_ptr<ledger::session>>()>;
  struct identity {
    std::string cluster;
    std::string incarnation;
    std::shared_ptr<const std::vector<ledger::job_registration>> jobs;
  };
  ledger_worker(engine::session_id id, const clock& time, opener open, identity who, deliver to);
  ~ledger_worker() override;

  void perform(engine::claim a);
  void perform(engine::finish a);
  void perform(engine::reconcile a);
  void perform(engine::register_jobs a);
  void perform(engine::sign_off a);
  void perform(engine::request_cancel a);
  void perform(engine::restore a);
  void perform(engine::purge a);
  /// What further registrations are about.
  void set_jobs(std::shared_ptr<const std::vector<ledger::job_registration>> jobs);

 private:
  void open_session(const opener& open);
  template <typename Event, typename Call>
  void call(Call what);
  void interrupt() noexcept override;
  void end() noexcept override;

  engine::session_id id_;
  identity who_;
  deliver deliver_;
  std::mutex session_mutex_;
  std::unique_ptr<ledger::session> session_;
};

}  // namespace baton::runtime
