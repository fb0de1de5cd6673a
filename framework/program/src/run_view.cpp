#include "run_view.hpp"

#include "baton/base/utf8.hpp"
#include "baton/ledger/run_id.hpp"

namespace baton::program {

using ledger::short_time;

std::string_view result_word(const ledger::tick_row& row) noexcept {
  return row.state == ledger::row_state::finished ? to_string(row.outcome) : to_string(row.state);
}

std::string note(const ledger::tick_row& row) {
  std::string text;
  const auto add = [&text](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
  if (row.reason != ledger::reason_code::none) add(std::string{to_string(row.reason)});
  if (row.until) add(std::to_string(row.count) + " ticks until " + short_time(*row.until));
  if (row.retry_at) add("again at " + short_time(*row.retry_at));
  if (row.cancel && ledger::is_open(row.state)) add("its end was asked for");
  if (!row.error.empty()) add(row.error.substr(0, row.error.find('\n')));
  return text;
}

boost::json::object as_json(const ledger::tick_row& row) {
  const auto text = [](std::string_view s) { return boost::json::string{valid_utf8(s)}; };
  boost::json::object one{{"run", text(run_id(row.key))},
                          {"job", text(row.key.job)},
                          {"tick", to_rfc3339(row.key.tick)},
                          {"kind", to_string(row.key.kind)},
                          {"state", to_string(row.state)},
                          {"outcome", to_string(row.outcome)},
                          {"reason", to_string(row.reason)},
                          {"attempt", row.attempt},
                          {"fence", row.fence},
                          {"instance", text(row.instance)},
                          {"lock_name", text(row.lock_name)},
                          {"ticks", row.count},
                          {"cancel", row.cancel}};
  const auto add_time = [&one](const char* name, const std::optional<wall_time>& t) {
    if (t) one[name] = to_rfc3339(*t);
  };
  add_time("until", row.until);
  add_time("requested", row.requested);
  add_time("claimed", row.claimed);
  add_time("started", row.started);
  add_time("finished", row.finished);
  add_time("retry_at", row.retry_at);
  one["error"] = text(row.error);
  one["output"] = text(row.output);
  if (!row.parameters.empty()) one["parameters"] = text(row.parameters);
  return one;
}

}  // namespace baton::program
