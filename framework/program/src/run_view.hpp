#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "baton/ledger/records.hpp"

namespace baton::program {

/// What became of a row, in a word: its outcome once it has ended, else its state.
[[nodiscard]] std::string_view result_word(const ledger::tick_row& row) noexcept;
/// Why, where there is something to say: reason, how many ticks, the first line of the error.
[[nodiscard]] std::string note(const ledger::tick_row& row);
/// All that is known of a row.
[[nodiscard]] boost::json::object as_json(const ledger::tick_row& row);
/// What as_json wrote, read back, as far as people are told of it; nullopt: it is no such thing.
[[nodiscard]] std::optional<ledger::tick_row> row_of(const boost::json::value& told);

}  // namespace baton::program
