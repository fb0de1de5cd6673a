#include "run_threads.hpp"

namespace baton::plugin_host {

run_threads::~run_threads() {
  {
    const std::scoped_lock guard{mutex_};
    ends_ = true;
  }
  has_news_.notify_all();
  // With `ends_` set a thread leaves both lists alone.
  for (auto* const list : {&threads_, &ended_}) {
    for (auto& thread : *list) thread.join();
  }
}

std::future<void> run_threads::begin(std::function<void()> task) {
  std::packaged_task<void()> packed{std::move(task)};
  auto done = packed.get_future();
  std::list<std::thread> ended;
  {
    const std::scoped_lock guard{mutex_};
    if (tasks_.size() >= idle_) {
      const auto self = threads_.emplace(threads_.end());
      try {
        *self = std::thread{[this, self] { work(self); }};
      } catch (...) {
        threads_.erase(self);
        throw;
      }
    }
    tasks_.push_back(std::move(packed));
    ended.swap(ended_);
  }
  has_news_.notify_one();
  for (auto& thread : ended) thread.join();
  return done;
}

void run_threads::work(std::list<std::thread>::iterator self) {
  std::unique_lock lock{mutex_};
  for (;;) {
    ++idle_;
    has_news_.wait_for(lock, most_idle, [this] { return ends_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) break;
    {
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
    lock.lock();
  }
  if (!ends_) ended_.splice(ended_.end(), threads_, self);
}

}  // namespace baton::plugin_host
