#include "baton/ledger/run_id.hpp"

namespace baton::ledger {

std::string short_time(wall_time t) {
  auto text = to_rfc3339(t);
  const auto last = text.find_last_not_of('0', text.size() - 2);
  text.erase(text[last] == '.' ? last : last + 1, text.size() - 2 - last + (text[last] == '.' ? 1 : 0));
  return text;
}

std::string run_id(const tick_key& run) {
  auto id = run.job + "@" + short_time(run.tick);
  if (run.kind != tick_kind::schedule) id.append("#").append(to_string(run.kind));
  return id;
}

std::optional<tick_key> parse_run_id(std::string_view text) {
  tick_key run;
  if (const auto mark = text.find('#'); mark != std::string_view::npos) {
    const auto kind = text.substr(mark + 1);
    if (kind != to_string(tick_kind::trigger) && kind != to_string(tick_kind::after)) return std::nullopt;
    run.kind = kind == to_string(tick_kind::trigger) ? tick_kind::trigger : tick_kind::after;
    text = text.substr(0, mark);
  }
  const auto at = text.find('@');
  if (at == 0 || at == std::string_view::npos) return std::nullopt;
  const auto tick = from_rfc3339(text.substr(at + 1));
  if (!tick) return std::nullopt;
  run.job = text.substr(0, at);
  run.tick = *tick;
  return run;
}

}  // namespace baton::ledger
