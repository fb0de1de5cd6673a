#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace baton::program {

/// Without blanks, and the carriage return of another system, at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// The first word, which is taken off `rest` with the blanks around it. Empty: there is none.
[[nodiscard]] std::string_view take_word(std::string_view& rest);

/// `NAME = value` of a crontab, without quotes; nullopt: the line is none.
[[nodiscard]] std::optional<std::pair<std::string, std::string>> read_variable(std::string_view line);

/// What a job that runs this shell command is best called: the program that it is about, in the letters of a job's name.
[[nodiscard]] std::string job_name(std::string_view command);

}  // namespace baton::program
