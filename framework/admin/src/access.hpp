#pragma once

#include <cstdint>
#include <string_view>

namespace baton::admin {

/// What a request may do beyond reading.
enum class access : std::uint8_t {
  read_only = 1,  ///< it came over TCP, and no token is configured
  needs_token,    ///< it gave none, or a wrong one
  granted,
};

/// Whether an Authorization header is "Bearer" and the token. Takes as long whatever is in it: only its length decides.
[[nodiscard]] bool is_bearer(std::string_view authorization, std::string_view token) noexcept;

/// Whether a browser sent the request for a page of another origin: Sec-Fetch-Site says so, or Origin is not the host asked for.
/// Empty texts: the header was not there, as with every client that is no browser.
[[nodiscard]] bool is_foreign(std::string_view origin, std::string_view sec_fetch_site, std::string_view host) noexcept;

}  // namespace baton::admin
