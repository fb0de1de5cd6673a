#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/runtime/scheduler.hpp"

namespace baton::runtime {

/// Jobs that are built in code are checked by nobody else. Errors: errc::invalid_configuration, with a line for each mistake.
[[nodiscard]] status check_jobs(const std::vector<job>& jobs);

/// What the engine has to know of them; `after`, tags and labels are names here and something else there.
[[nodiscard]] engine::job_set engine_jobs(const options& opts, const std::vector<job>& jobs);
[[nodiscard]] std::shared_ptr<const std::vector<ledger::job_registration>> registrations_of(const engine::job_set& set);

/// schedule, catch_up, trigger, after, retry
[[nodiscard]] std::string_view trigger_of(const ledger::claimed_run& run) noexcept;

[[nodiscard]] observe::plugin_update to_observe(plugin_host::run_metrics::update update);

[[nodiscard]] plugin_host::isolation isolation_of(const job& j) noexcept;
[[nodiscard]] lost_policy on_lost_of(const job& j) noexcept;

}  // namespace baton::runtime
