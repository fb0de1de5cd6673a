#include "lease_watch.hpp"

#include <future>

namespace baton::mysql {

// ---- leases

lease& lease::operator=(lease&& other) noexcept {
  if (this == &other) return *this;
  const lease given_back{std::move(*this)};
  record_ = std::move(other.record_);
  return *this;
}

lease::~lease() {
  if (!record_) return;
  record_->release(nullptr);
  record_->tell_nobody();
}

bool lease::is_held() const noexcept { return record_ && record_->is_held(); }
const std::string& lease::name() const noexcept {
  BATON_ASSERT(record_ != nullptr);
  return record_->name();
}
std::uint64_t lease::fence() const noexcept { return record_ ? record_->fence() : 0; }
boot_time lease::deadline() const noexcept { return record_ ? record_->deadline() : boot_time{}; }
std::optional<lock::loss> lease::lost() const noexcept { return record_ ? record_->lost() : std::nullopt; }
void lease::on_lost(std::function<void(lock::loss)> told) {
  BATON_ASSERT(record_ != nullptr);
  record_->on_lost(std::move(told));
}
status lease::release() {
  BATON_ASSERT(record_ != nullptr);
  return record_->release_and_wait();
}
void lease::async_release(std::function<void(status)> done) {
  BATON_ASSERT(record_ != nullptr);
  record_->release(std::move(done));
}

std::optional<lock::loss> lease_record::lost() const noexcept {
  if (state_ != state::lost) return std::nullopt;
  return reason_.load();
}

void lease_record::on_lost(std::function<void(lock::loss)> told) {
  {
    const std::lock_guard guard{watch_->mutex_};
    if (state_ == state::released) return;
    if (state_ == state::held) return told_.push_back(std::move(told));
  }
  told(reason_);
}

void lease_record::release(std::function<void(status)> done) {
  status allowed;
  {
    const std::lock_guard guard{watch_->mutex_};
    // With all of its session, which ends by it: that the connection still lives frees nothing.
    if (const auto now = time_->now().steady; state_ == state::held && now >= group_->deadline.load()) watch_->expire_locked(now);
    if (state_ == state::lost)
      allowed = failure{errc::lock_lost, name_ + ": the lease had been lost: " + std::string{to_string(reason_.load())}};
    if (state_ == state::released) allowed = failure{errc::not_locked, name_ + ": the lease was released before"};
    if (allowed) {
      state_ = state::released;
      group_->records.erase(shared_from_this());
    }
  }
  if (allowed) return give_back_(std::move(done));
  if (done) done(std::move(allowed));
}

status lease_record::release_and_wait() {
  if (watch_->is_client_thread())
    return failure{errc::wrong_thread, name_ + ": release() would wait for its own thread; in a callback of the client, async_release()"};
  auto answer = std::make_shared<std::promise<status>>();
  auto answered = answer->get_future();
  release([answer = std::move(answer)](status s) { answer->set_value(std::move(s)); });
  status said;
  try {
    said = answered.get();
  } catch (const std::future_error&) {  // the client was destroyed meanwhile: it has given everything back
  }
  tell_nobody();
  return said;
}

void lease_record::tell_nobody() {
  std::vector<std::function<void(lock::loss)>> untold;  // they end outside of the mutex: what they hold may be the last of a lease
  std::vector<std::function<void()>> unsaid;
  std::unique_lock guard{watch_->mutex_};
  untold.swap(told_);
  std::erase_if(watch_->news_, [&](auto& n) {
    if (n.of.get() != this) return false;
    unsaid.push_back(std::move(n.tell));
    return true;
  });
  if (std::this_thread::get_id() != watch_->own_thread_) watch_->told_.wait(guard, [this] { return watch_->telling_of_ != this; });
  guard.unlock();
}

// ---- the watch

namespace {
/// A suspended machine stops the clock that condition variables wait by: how long after its return a deadline is noticed at the latest.
constexpr milliseconds longest_nap{250};
}  // namespace

lease_watch::lease_watch(std::shared_ptr<const clock> time, std::thread::id client_thread, warner warn)
    : time_(std::move(time)), client_thread_(client_thread), warn_(std::move(warn)), thread_([this] { run(); }) {}

void lease_watch::stop() {
  {
    const std::lock_guard guard{mutex_};
    is_ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void lease_watch::add(const std::shared_ptr<lease_group>& group) {
  const std::lock_guard guard{mutex_};
  groups_.insert(group);
  changed_.notify_one();
}

void lease_watch::remove(const std::shared_ptr<lease_group>& group) {
  const std::lock_guard guard{mutex_};
  groups_.erase(group);
  for (const auto& record : std::exchange(group->records, {})) record->state_ = lease_record::state::released;
}

void lease_watch::add(const std::shared_ptr<lease_record>& record) {
  const std::lock_guard guard{mutex_};
  record->group_->records.insert(record);
  changed_.notify_one();
}

void lease_watch::proven(const std::shared_ptr<lease_group>& group, boot_time deadline) {
  const std::lock_guard guard{mutex_};
  if (groups_.contains(group)) group->deadline = deadline;
}

void lease_watch::lose(const std::shared_ptr<lease_group>& group, const std::optional<std::string>& name, lock::loss reason) {
  const std::lock_guard guard{mutex_};
  const auto records = group->records;
  for (const auto& record : records) {
    if (!name || record->name_ == *name) lose_locked(record, reason);
  }
}

void lease_watch::lose_locked(const std::shared_ptr<lease_record>& record, lock::loss reason) {
  if (record->state_ != lease_record::state::held) return;
  record->reason_ = reason;
  record->state_ = lease_record::state::lost;
  record->group_->records.erase(record);
  ++lost_;
  for (auto& told : std::exchange(record->told_, {})) news_.push_back({record, [told = std::move(told), reason] { told(reason); }});
  changed_.notify_one();
}

void lease_watch::expire_locked(boot_time now) {
  std::vector<std::shared_ptr<lease_group>> expired;
  for (const auto& group : groups_) {
    if (!group->records.empty() && group->deadline.load() <= now) expired.push_back(group);
  }
  for (const auto& group : expired) {
    groups_.erase(group);
    const auto records = group->records;
    for (const auto& record : records) lose_locked(record, lock::loss::deadline);
    if (group->on_expired) news_.push_back({nullptr, group->on_expired});
  }
}

std::optional<boot_time> lease_watch::next_deadline_locked() const {
  std::optional<boot_time> next;
  for (const auto& group : groups_) {
    if (!group->records.empty() && (!next || group->deadline.load() < *next)) next = group->deadline;
  }
  return next;
}

std::size_t lease_watch::leases() const {
  const std::lock_guard guard{mutex_};
  std::size_t all = 0;
  for (const auto& group : groups_) all += group->records.size();
  return all;
}

std::vector<std::string> lease_watch::names(std::string_view prefix) const {
  const std::lock_guard guard{mutex_};
  std::set<std::string> sorted;
  for (const auto& group : groups_) {
    for (const auto& record : group->records) {
      if (record->name_.starts_with(prefix)) sorted.insert(record->name_);
    }
  }
  return {sorted.begin(), sorted.end()};
}

void lease_watch::warn(const std::string& message) noexcept {
  if (!warn_) return;
  try {
    warn_(message);
  } catch (...) {  // there is nobody left to tell
  }
}

void lease_watch::run() {
  own_thread_ = std::this_thread::get_id();
  std::unique_lock guard{mutex_};
  while (!is_ending_) {
    expire_locked(time_->now().steady);
    if (!news_.empty()) {
      auto news = std::move(news_.front());
      news_.pop_front();
      telling_of_ = news.of.get();
      guard.unlock();
      try {
        news.tell();
      } catch (const std::exception& error) {
        warn(std::string{"a callback about a lost lease threw: "} + error.what());
      } catch (...) {
        warn("a callback about a lost lease threw");
      }
      news = {};  // what it holds may be the last of a lease, which would take the mutex
      guard.lock();
      telling_of_ = nullptr;
      told_.notify_all();
      continue;
    }
    const auto next = next_deadline_locked();
    if (!next) {
      changed_.wait(guard);
    } else {
      const auto left = *next - time_->now().steady;
      changed_.wait_for(guard, std::clamp<microseconds>(left, microseconds{1}, longest_nap));
    }
  }
}

}  // namespace baton::mysql
