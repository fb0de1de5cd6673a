#pragma once

#include <string>
#include <string_view>

namespace baton::settings {

class source;

/// A line of a source with everything that could be a password replaced by ***: the value of a key that ends in `password`, `token`,
/// `secret` or the like, on its line or on those below it, and the password of any URL. Works on the text alone, so also on files that are
/// no YAML. `column`, a byte column in the line, is moved along.
[[nodiscard]] std::string mask_passwords(const source& in, std::size_t line, std::size_t& column);

}  // namespace baton::settings
