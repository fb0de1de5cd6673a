#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "baton/base/time.hpp"
#include "baton/lock/lease.hpp"
#include "baton/mysql/lease.hpp"

namespace baton::mysql {

class lease_watch;

/// The leases of one session. Its deadline is read by is_held() without a lock.
struct lease_group {
  explicit lease_group(boot_time until) : deadline(until) {}
  std::atomic<boot_time> deadline;
  std::function<void()> on_expired = {};  ///< of the watch's thread, once
  std::set<std::shared_ptr<lease_record>> records = {};
};

/// What a lease is made of. Changed under the watch's mutex.
class lease_record : public std::enable_shared_from_this<lease_record> {
 public:
  using giver_back = std::function<void(std::function<void(status)>)>;

  lease_record(std::string name, std::uint64_t fence, std::shared_ptr<lease_group> group, std::shared_ptr<lease_watch> watch,
               std::shared_ptr<const clock> time, giver_back give_back)
      : name_(std::move(name)),
        fence_(fence),
        group_(std::move(group)),
        watch_(std::move(watch)),
        time_(std::move(time)),
        give_back_(std::move(give_back)) {}

  [[nodiscard]] bool is_held() const noexcept { return state_ == state::held && time_->now().steady < group_->deadline.load(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t fence() const noexcept { return fence_; }
  [[nodiscard]] boot_time deadline() const noexcept { return group_->deadline; }
  [[nodiscard]] std::optional<lock::loss> lost() const noexcept;
  void on_lost(std::function<void(lock::loss)> told);
  void release(std::function<void(status)> done);
  [[nodiscard]] status release_and_wait();
  /// From now on nobody is told of its loss; waits for who is being told, unless that is the caller.
  void tell_nobody();

 private:
  friend class lease_watch;
  enum class state : std::uint8_t { held = 1, lost, released };

  const std::string name_;
  const std::uint64_t fence_;
  const std::shared_ptr<lease_group> group_;
  const std::shared_ptr<lease_watch> watch_;
  const std::shared_ptr<const clock> time_;
  const giver_back give_back_;
  std::atomic<state> state_ = state::held;
  std::atomic<lock::loss> reason_{};
  std::vector<std::function<void(lock::loss)>> told_;
};

/// A thread that does nothing but notice deadlines and tell of losses: no answer of a server, no event loop and no other thread keeps it
/// from that.
///
/// Thread safety: any thread.
class lease_watch {
 public:
  using warner = std::function<void(const std::string&)>;
  /// `client_thread`: a further thread that must not wait for the client.
  lease_watch(std::shared_ptr<const clock> time, std::thread::id client_thread, warner warn);
  ~lease_watch() { stop(); }
  void stop();  ///< ends the thread; nothing is told any more
  lease_watch(const lease_watch&) = delete;
  lease_watch& operator=(const lease_watch&) = delete;

  void add(const std::shared_ptr<lease_group>& group);
  void remove(const std::shared_ptr<lease_group>& group);  ///< its leases, if there are any left, end as released
  void add(const std::shared_ptr<lease_record>& record);
  void proven(const std::shared_ptr<lease_group>& group, boot_time deadline);
  /// Of the group's leases, those of `name`, or all.
  void lose(const std::shared_ptr<lease_group>& group, const std::optional<std::string>& name, lock::loss reason);
  [[nodiscard]] std::size_t leases() const;
  [[nodiscard]] std::vector<std::string> names(std::string_view prefix) const;  ///< of the leases that are held
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  /// Whether this thread must not wait for the client: it is one of the client's.
  [[nodiscard]] bool is_client_thread() const noexcept {
    const auto self = std::this_thread::get_id();
    return self == client_thread_ || self == own_thread_;
  }

 private:
  friend class lease_record;
  void run();
  void warn(const std::string& message) noexcept;
  void lose_locked(const std::shared_ptr<lease_record>& record, lock::loss reason);
  /// What has expired; its callbacks join the news.
  void expire_locked(boot_time now);
  [[nodiscard]] std::optional<boot_time> next_deadline_locked() const;

  const std::shared_ptr<const clock> time_;
  const std::thread::id client_thread_;
  const warner warn_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::shared_ptr<lease_group>> groups_;
  struct piece_of_news {
    std::shared_ptr<lease_record> of;  ///< nullptr: of a group
    std::function<void()> tell;
  };
  std::deque<piece_of_news> news_;
  const lease_record* telling_of_ = nullptr;
  std::condition_variable told_;
  std::atomic<std::uint64_t> lost_ = 0;
  bool is_ending_ = false;
  std::atomic<std::thread::id> own_thread_;  ///< stop() may be joining `thread_`, and its id with it
  std::thread thread_;
};

}  // namespace baton::mysql
