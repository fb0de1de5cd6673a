#pragma once

#include <memory>
#include <optional>
#include <string>

#include "baton/ledger/control.hpp"
#include "baton/settings/settings.hpp"

namespace baton::program {

/// The ledger of the store that the settings name. Errors: those of mysql::store.
/// `answer_timeout`: of each statement of a server; nullopt: what is usual.
[[nodiscard]] result<std::unique_ptr<ledger::control>> open_control(const settings::settings& s,
                                                                    std::optional<microseconds> answer_timeout = std::nullopt);

/// A configuration and its ledger.
struct reached_ledger {
  settings::settings settings;
  std::unique_ptr<ledger::control> control;
  [[nodiscard]] const std::string& cluster() const noexcept { return settings.cluster; }
  /// nullptr: the file has no such job.
  [[nodiscard]] const settings::job* find(const std::string& job) const;
};
/// Reads the file, whose plugins are not asked for, and opens its ledger. What fails is printed, and `code` is what the program ends with.
[[nodiscard]] std::optional<reached_ledger> reach_ledger(const std::string& file, int& code);

/// Prints what failed; the exit code of it.
int tell(const failure& why);
/// Prints what is wrong with the command line; the exit code of it.
int tell_usage(const std::string& message);
/// The instant that an option gives; nullopt: it is none, and that was printed.
[[nodiscard]] std::optional<wall_time> instant(const char* option, const std::string& text);

}  // namespace baton::program
