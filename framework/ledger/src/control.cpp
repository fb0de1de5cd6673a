#include "baton/ledger/control.hpp"

#include <algorithm>

#include "baton/base/suggest.hpp"

namespace baton::ledger {

status check(const run_order& order) {
  constexpr std::size_t request_limit = 36;
  constexpr std::size_t parameters_limit = 65535;
  if (order.request.empty() || order.request.size() > request_limit)
    return failure{errc::invalid_argument, "the request id of a trigger has 1 to 36 characters, got '" + order.request + "'"};
  if (order.parameters.size() > parameters_limit)
    return failure{errc::invalid_argument, "the parameters of a trigger take at most 64 KiB, got " +
                                               std::to_string(order.parameters.size()) + " bytes; pass the name of a file instead"};
  return {};
}

failure unknown_job(const std::string& cluster, const std::string& job, const std::vector<std::string>& known) {
  auto folded = known;  // as suggest() takes them
  for (auto& name : folded) std::ranges::replace(name, '-', '_');
  const auto nearest = std::ranges::find(folded, suggest(job, {folded.begin(), folded.end()}));
  const auto hint = known.empty()             ? "; there is none yet: start an instance"
                    : nearest != folded.end() ? "; did you mean '" + known[static_cast<std::size_t>(nearest - folded.begin())] + "'?"
                                              : "; `baton list` shows those that there are";
  return {errc::not_found, "no instance of cluster '" + cluster + "' has registered a job '" + job + "'" + hint};
}

}  // namespace baton::ledger
