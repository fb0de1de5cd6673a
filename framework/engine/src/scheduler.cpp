#include "baton/engine/scheduler.hpp"

#include "core.hpp"

namespace baton::engine {

scheduler::scheduler(options opts, job_set jobs) : core_(std::make_unique<core>(std::move(opts), std::move(jobs))) {}
scheduler::~scheduler() = default;
scheduler::scheduler(scheduler&&) noexcept = default;

std::vector<action> scheduler::advance(time_point now) { return core_->advance(now); }
std::vector<action> scheduler::on(std::vector<event> events, time_point now) { return core_->on(std::move(events), now); }
std::optional<boot_time> scheduler::next_wakeup() const { return core_->next_wakeup(); }
engine::health scheduler::health() const { return core_->health(); }
std::optional<wall_time> scheduler::store_time(time_point now) const { return core_->store_time(now); }

}  // namespace baton::engine
