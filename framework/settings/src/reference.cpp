#include <string>

#include "baton/schedule/duration.hpp"
#include "baton/settings/keys.hpp"
#include "scalars.hpp"
#include "suggest.hpp"

namespace baton::settings {

std::string value_text(const key& row) {
  const auto range = [&] { return std::to_string(row.minimum) + " to " + std::to_string(row.maximum); };
  switch (row.type) {
    case key_type::section: return "section";
    case key_type::jobs: return "map of jobs";
    case key_type::calendars: return "map of calendars";
    case key_type::tags: return "map of tags";
    case key_type::job_defaults: return "section";
    case key_type::parameters: return "map";
    case key_type::text: return "text";
    case key_type::name: return "text, " + range() + " of `" + std::string{row.alphabet} + "`";
    case key_type::integer: return row.minimum == row.maximum ? "`" + std::to_string(row.minimum) + "`" : "integer, " + range();
    case key_type::boolean: return "`true` or `false`";
    case key_type::duration:
      return "duration, " + schedule::duration_text(microseconds{row.minimum}) + " to " +
             schedule::duration_text(microseconds{row.maximum});
    case key_type::size: return "size, " + size_text(row.minimum) + " to " + size_text(row.maximum);
    case key_type::choice: {
      std::string out;
      for (const auto word : split_choices(row.choices)) out += (out.empty() ? "`" : ", `") + std::string{word} + "`";
      return out;
    }
    case key_type::text_list: return "list of texts";
    case key_type::names: return "name, or list of names";
    case key_type::predecessors: return "job, or list of jobs or `{job, on}`";
    case key_type::day_list: return "list of days";
    case key_type::day_ranges: return "list of ranges of days";
    case key_type::store_url: return "URL";
    case key_type::secret: return "text, `{credential: NAME}`, `{file: PATH}` or `{env: NAME}`";
    case key_type::listen: return "`HOST:PORT` or `false`";
    case key_type::schedule: return "cron text, `@macro` or `{every, anchor}`";
    case key_type::timezone: return "time zone";
  }
  return "";
}

namespace {

std::string shown_path(const key& row) {
  std::string path{row.path};
  if (const auto star = path.find('*'); star != std::string::npos) path.replace(star, 1, "NAME");
  return "`" + path + "`";
}

}  // namespace

std::string reference_markdown() {
  std::string out = "| key | value | default | meaning |\n|---|---|---|---|\n";
  for (const auto& row : keys()) {
    const auto fallback = row.is_required        ? std::string{"required"}
                          : row.fallback.empty() ? std::string{}
                                                 : "`" + std::string{row.fallback} + "`";
    out += "| " + shown_path(row) + " | " + value_text(row) + " | " + fallback + " | " + std::string{row.help} +
           (row.is_local ? " (local)" : "") + " |\n";
  }
  return out + "\nKeys marked *local* may differ between the instances of a cluster and are not part of the configuration's hash.\n";
}

}  // namespace baton::settings
