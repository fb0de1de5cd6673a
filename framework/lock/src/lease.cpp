#include "baton/lock/lease.hpp"

namespace baton::lock {
namespace {

using std::chrono::seconds;

status broken(const char* rule, const char* cure, const std::string& left, const std::string& right) {
  return failure{errc::invalid_configuration,
                 std::string{"lease: "} + rule + ", but " + left + (right.empty() ? "" : " and " + right) + "; " + cure};
}

std::string value(const char* key, microseconds d) { return std::string{key} + " is " + to_text(d); }

}  // namespace

status lease_timing::validate() const {
  const auto w = value("wait_timeout", wait_timeout);
  if (probe <= microseconds{0} || probe_timeout <= microseconds{0} || stop <= microseconds{0} || margin <= microseconds{0})
    return broken("probe, probe_timeout, margin and stop must be longer than nothing", "write durations above zero",
                  value("probe", probe) + ", " + value("probe_timeout", probe_timeout),
                  value("margin", margin) + ", " + value("stop", stop));
  if (wait_timeout < seconds{3} || wait_timeout % seconds{1} != microseconds{0})
    return broken("wait_timeout must be whole seconds and at least 3s", "the server counts it in seconds", w, "");
  if (probe * 3 > wait_timeout)
    return broken("probe must be at most a third of wait_timeout", "shorten probe or lengthen wait_timeout", value("probe", probe), w);
  if (probe_timeout * 3 > wait_timeout)
    return broken("probe_timeout must be at most a third of wait_timeout", "shorten probe_timeout or lengthen wait_timeout",
                  value("probe_timeout", probe_timeout), w);
  if (stop + seconds{1} > margin)
    return broken("margin must be at least stop + 1s", "lengthen margin or shorten stop", value("stop", stop), value("margin", margin));
  if (probe + probe_timeout + milliseconds{500} > wait_timeout - margin)
    return broken("probe + probe_timeout + 500ms must be at most wait_timeout - margin", "lengthen wait_timeout or shorten probe",
                  "the left side is " + to_text(probe + probe_timeout + milliseconds{500}),
                  "the right side is " + to_text(wait_timeout - margin));
  return {};
}

std::string_view to_string(loss reason) noexcept {
  switch (reason) {
    case loss::connection: return "connection";
    case loss::released_elsewhere: return "released_elsewhere";
    case loss::not_primary: return "not_primary";
    case loss::server_changed: return "server_changed";
    case loss::no_quorum: return "no_quorum";
    case loss::deadline: return "deadline";
  }
  return "unknown";
}

}  // namespace baton::lock
