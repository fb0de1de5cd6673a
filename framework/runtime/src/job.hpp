#pragma once

#include <vector>

#include "baton/base/result.hpp"
#include "baton/runtime/scheduler.hpp"

namespace baton::runtime {

/// Jobs that are built in code are checked by nobody else. Errors: errc::invalid_configuration, with a line for each mistake.
[[nodiscard]] status check_jobs(const std::vector<job>& jobs);

[[nodiscard]] plugin_host::isolation isolation_of(const job& j) noexcept;
[[nodiscard]] lost_policy on_lost_of(const job& j) noexcept;

}  // namespace baton::runtime
