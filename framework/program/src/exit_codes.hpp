#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "baton/base/result.hpp"

namespace baton::program {

/// sysexits(3), as contract.md lists them.
enum exit_code : int {
  exit_ok = 0,
  exit_negative = 1,
  exit_usage = 64,
  exit_unavailable = 69,
  exit_internal = 70,
  exit_try_later = 75,
  exit_permission = 77,
  exit_configuration = 78,
};

/// As manual and reference have them.
inline constexpr std::array<std::pair<exit_code, std::string_view>, 8> exit_code_meanings{{
    {exit_ok, "done; a positive answer"},
    {exit_negative, "a negative answer, a failed run, findings"},
    {exit_usage, "a wrong command line, or a job that nobody knows"},
    {exit_unavailable, "the store cannot be reached or used"},
    {exit_internal, "a defect"},
    {exit_try_later, "try later"},
    {exit_permission, "user, password or grants"},
    {exit_configuration, "an error in the configuration"},
}};

[[nodiscard]] inline exit_code exit_code_of(const failure& f) noexcept {
  switch (f.code) {
    case errc::invalid_configuration:
    case errc::invalid_argument:
    case errc::plugin_refused: return exit_configuration;
    case errc::access_denied: return exit_permission;
    case errc::store_busy:
    case errc::store_timeout: return exit_try_later;
    case errc::store_unavailable:
    case errc::store_unfit:
    case errc::schema_outdated: return exit_unavailable;
    default: return exit_internal;
  }
}

}  // namespace baton::program
