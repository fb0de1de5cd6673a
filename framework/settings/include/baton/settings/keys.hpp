#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace baton::settings {

enum class key_type : std::uint8_t {
  section = 1,   ///< a map with keys of its own
  jobs,          ///< a map from job name to job
  calendars,     ///< a map from calendar name to its days
  tags,          ///< a map from tag to its limits
  job_defaults,  ///< a map with keys of a job
  parameters,    ///< a map that the plugin describes
  text,
  name,     ///< text of `alphabet`, `minimum` to `maximum` characters
  integer,  ///< `minimum` to `maximum`
  boolean,
  duration,  ///< `minimum` to `maximum`, in microseconds
  size,      ///< `minimum` to `maximum`, in bytes
  choice,    ///< one of `choices`
  text_list,
  names,         ///< a list of names of `alphabet`, or one
  predecessors,  ///< a list of jobs, each a name or {job: …, on: …}; or one name
  day_list,
  day_ranges,
  store_url,
  secret,  ///< {credential: …}, {file: …}, {env: …} or a literal; with a `minimum` so many characters that a header of HTTP can carry
  listen,  ///< HOST:PORT or false
  schedule,  ///< cron text, @macro or {every: …, anchor: …}
  timezone,
};

/// One row of the table that describes the configuration: validation, the reference page and --show-effective follow it.
struct key {
  std::string_view path;  ///< "store.lease.probe"; `*` stands for the name of a job, a calendar or a tag
  key_type type{};
  std::string_view fallback{};  ///< the default as it would be written; empty: none
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  std::string_view alphabet{};  ///< "a-z0-9_-"
  std::string_view choices{};   ///< "fast|safe"
  bool is_required = false;     ///< in its section
  bool is_local = false;        ///< may differ between the instances of a cluster; not part of settings::hash
  std::string_view help{};
};

/// Every key, sections before their keys, in the order of the reference page.
[[nodiscard]] std::span<const key> keys();

/// What a value of the key looks like, in Markdown: "duration, 10ms to 1h".
[[nodiscard]] std::string value_text(const key& row);

/// The key table of docs/reference/configuration.md.
[[nodiscard]] std::string reference_markdown();

}  // namespace baton::settings
