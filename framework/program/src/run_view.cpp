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

std::optional<ledger::tick_row> row_of(const boost::json::value& told) {
  const auto* const object = told.if_object();
  if (object == nullptr) return std::nullopt;
  const auto text = [&](const char* name) {
    const auto* value = object->if_contains(name);
    return value != nullptr && value->is_string() ? std::string{value->get_string().c_str()} : std::string{};
  };
  const auto number = [&](const char* name) -> std::uint64_t {
    const auto* value = object->if_contains(name);
    if (value != nullptr && value->is_uint64()) return value->get_uint64();
    return value != nullptr && value->is_int64() ? static_cast<std::uint64_t>(value->get_int64()) : 0;
  };
  auto key = ledger::parse_run_id(text("run"));
  if (!key) return std::nullopt;
  ledger::tick_row row;
  row.key = std::move(*key);
  // Each number that to_string has a word for, up to the highest of all.
  for (std::uint16_t n = 0; n < 64; ++n) {
    if (const auto s = static_cast<ledger::row_state>(n); n >= 1 && n <= 6 && to_string(s) == text("state")) row.state = s;
    if (const auto o = static_cast<ledger::run_outcome>(n); n <= 6 && to_string(o) == text("outcome")) row.outcome = o;
    if (const auto r = static_cast<ledger::reason_code>(n); to_string(r) == text("reason")) row.reason = r;
  }
  row.attempt = static_cast<std::uint32_t>(number("attempt"));
  row.fence = number("fence");
  row.count = number("ticks");
  row.instance = text("instance");
  row.lock_name = text("lock_name");
  row.error = text("error");
  row.output = text("output");
  const auto* cancel = object->if_contains("cancel");
  row.cancel = cancel != nullptr && cancel->is_bool() && cancel->get_bool();
  row.until = from_rfc3339(text("until"));
  row.requested = from_rfc3339(text("requested"));
  row.claimed = from_rfc3339(text("claimed"));
  row.started = from_rfc3339(text("started"));
  row.finished = from_rfc3339(text("finished"));
  row.retry_at = from_rfc3339(text("retry_at"));
  return row;
}

}  // namespace baton::program
