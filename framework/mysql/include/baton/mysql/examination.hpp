#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "baton/mysql/store.hpp"

namespace baton::mysql {

enum class verdict : std::uint8_t {
  fit = 1,
  advice,  ///< it can be used; the sentence says what would be better
  unfit,   ///< it is refused; the sentence says why, and what cures it
};
[[nodiscard]] std::string_view to_string(verdict v) noexcept;

/// One thing that was looked at on one endpoint.
struct finding {
  std::string endpoint;  ///< "HOST:PORT", or the unix socket
  std::string subject;   ///< "version", "writable", "two sessions", ...
  mysql::verdict verdict{};
  std::string sentence;
};

struct examination_options {
  microseconds max_clock_offset = std::chrono::seconds{10};
  std::size_t connections = 8;  ///< that one program wants to make
};

struct examination {
  std::vector<finding> findings;
  bool is_fit = false;        ///< there is an endpoint without a finding against it
  bool is_reachable = false;  ///< at least one answered
};

/// Looks a store over as its sessions do when they open, and further: every endpoint, with two connections at once, everything that is
/// found instead of the first thing that is wrong. Changes nothing. Blocks.
///
/// Errors: as store::create().
[[nodiscard]] result<examination> examine(const options& where, const examination_options& how = {});

}  // namespace baton::mysql
