// Whatever is read as a schedule has ticks in order, prints itself, and reads back as itself; whatever is not says where it is wrong.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "baton/base/result.hpp"
#include "baton/schedule/duration.hpp"
#include "baton/schedule/timetable.hpp"

using baton::schedule::syntax_error;
using baton::schedule::timetable;
using baton::schedule::zone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto new_york = std::get<zone>(zone::find("America/New_York"));
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  (void)baton::schedule::parse_duration(text);
  (void)timetable::from_at(text, new_york);
  const auto made = timetable::from_cron(text, new_york, "job");
  if (const auto* error = std::get_if<syntax_error>(&made)) {
    BATON_ASSERT(error->offset + error->length <= size && !error->message.empty());
    return 0;
  }
  const auto& t = std::get<timetable>(made);
  BATON_ASSERT(!t.in_words().empty());
  if (!t.text().starts_with("@every")) {
    const auto again = timetable::from_cron(t.text(), new_york);
    BATON_ASSERT(std::holds_alternative<timetable>(again) && std::get<timetable>(again) == t);
  }
  baton::wall_time now = baton::from_rfc3339("2025-03-01T00:00:00Z").value();
  for (int i = 0; i < 10; ++i) {
    const auto next = t.next(now);
    if (!next) break;
    BATON_ASSERT(*next > now);
    BATON_ASSERT(t.previous(*next + baton::microseconds{1}) == next);
    now = *next;
  }
  (void)t.longest_gap(now);
  return 0;
}
