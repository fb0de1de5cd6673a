#pragma once

#include <string>
#include <vector>

#include <prometheus/metric_family.h>

#include "baton/base/time.hpp"

namespace baton::observe {

/// The process_* metrics of this process, as every Prometheus client names them; what /proc does not tell is left out.
///
/// `started`: when the process started; the epoch: worked out from the boot time in `proc_root`/stat, which a unit with
/// ProcSubset=pid does not see. `proc_root` is /proc, or a copy for tests.
[[nodiscard]] std::vector<prometheus::MetricFamily> collect_process_metrics(wall_time started, const std::string& proc_root = "/proc");

}  // namespace baton::observe
