#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "baton/settings/settings.hpp"

namespace baton::settings {

struct schedule_value {
  schedule::timetable table;
  std::string text;
};

struct listen_value {
  std::optional<endpoint> address;  ///< nullopt: false
};

struct with_block {
  with_value::map values;
  mark where;
};

/// A checked value of a key, of the alternative that its key_type asks for.
using value = std::variant<std::string, std::int64_t, bool, microseconds, std::vector<std::string>, store_access, listen_value,
                           schedule_value, std::vector<schedule::calendar::range>, with_block, std::vector<predecessor>>;

/// How a key of the table is carried into the settings, and back into YAML.
///
/// `set` and `show` belong to keys outside jobs - of a calendar or a tag, to the last one - the other two to keys of a job. `show` gives
/// nullopt for a key that is not set.
struct field {
  std::string_view path;
  void (*set)(settings&, value) = nullptr;
  std::optional<std::string> (*show)(const settings&) = nullptr;
  void (*set_job)(job&, value) = nullptr;
  std::optional<std::string> (*show_job)(const job&) = nullptr;
};

/// nullptr for sections and for keys that this release does not support.
[[nodiscard]] const field* find_field(std::string_view path);

/// A text as a YAML scalar that reads back as this text: plain where that is possible.
[[nodiscard]] std::string yaml_text(std::string_view text);
/// The same of a key, in which a dollar sign is only itself.
[[nodiscard]] std::string yaml_key(std::string_view text);

}  // namespace baton::settings
