#include "thread_run.hpp"

#include <algorithm>

namespace baton::plugin_host {

thread_run::thread_run(request_frame request, run_threads& threads, listener post)
    : post_{std::move(post)},
      timeout_{request.request.timeout},
      lease_deadline_{request.request.lease_deadline},
      timeout_at_{timeout_ ? later(boot_now(), *timeout_) : boot_time::max()},
      run_{std::move(request), *this},
      done_{threads.begin([this]() noexcept { post_(run_.carry_out()); })} {}

thread_run::~thread_run() { done_.wait(); }

void thread_run::extend(boot_time lease_deadline) noexcept {
  lease_deadline_ = lease_deadline;
  run_.extend(lease_deadline);
}

boot_time thread_run::next_deadline() const noexcept {
  return std::min(lease_ended_ ? boot_time::max() : lease_deadline_, timed_out_ ? boot_time::max() : timeout_at_);
}

void thread_run::look_at_clock(boot_time now) noexcept {
  lease_ended_ = lease_ended_ || now >= lease_deadline_;
  timed_out_ = timed_out_ || now >= timeout_at_;
  if (lease_ended_ || timed_out_) run_.request_stop();
}

ended_frame thread_run::verdict(ended_frame answer) const {
  const auto rest = answer.text.empty() ? std::string{} : "; " + answer.text;
  if (answer.end == run_end::not_started) return answer;
  if (lease_ended_) return {run_end::lease_expired, "the lease ended while the handler ran in process" + rest, {}};
  if (timed_out_ && answer.end != run_end::success && answer.end != run_end::skipped) {
    return {run_end::timeout, "timed out after " + to_text(*timeout_) + rest, {}};
  }
  return answer;
}

}  // namespace baton::plugin_host
