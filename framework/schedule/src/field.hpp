#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "baton/schedule/syntax_error.hpp"
#include "cron.hpp"

namespace baton::schedule {

enum class field_id : std::uint8_t { second, minute, hour, day, month, weekday, year };
inline constexpr std::size_t field_count = 7;

/// What one field may hold.
struct field_rule {
  std::string_view name;
  int first;
  int last;                                 ///< 7 for weekdays, since both 0 and 7 are Sunday
  int full;                                 ///< the end of `*` and of `n/step`
  int hash_last;                            ///< the end of `H`; 28 for days, so that there is one in each month
  std::span<const std::string_view> names;  ///< names[i] means first + i
};
[[nodiscard]] const field_rule& rule_of(field_id id);

/// One field, read. Values are bits, for years from first_cron_year.
struct field_value {
  std::array<std::uint64_t, 4> bits{};
  std::uint32_t days_before_last = 0;
  std::uint32_t nearest_weekdays = 0;
  std::uint64_t nth_weekdays = 0;
  bool is_bare = false;    ///< * or ?
  bool is_spread = false;  ///< written with * ? - or /
};

struct field_error {
  syntax_error what;
  std::optional<field_id> belongs_to;  ///< the field in which it would be right
};

/// Reads one field. `hash_name` is what H stands for a hash of; without it H is an error.
[[nodiscard]] std::optional<field_error> read_field(field_id id, std::string_view text, std::size_t offset,
                                                    std::optional<std::string_view> hash_name, field_value& out);

}  // namespace baton::schedule
