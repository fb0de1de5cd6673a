#include "access.hpp"

#include <algorithm>
#include <cstddef>

#include "equal_without_case.hpp"

namespace baton::admin {

bool is_bearer(std::string_view authorization, std::string_view token) noexcept {
  constexpr std::string_view scheme = "bearer ";
  if (token.empty() || authorization.size() < scheme.size() || !equal_without_case(authorization.substr(0, scheme.size()), scheme))
    return false;
  authorization.remove_prefix(scheme.size());
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  // As many steps for every token of a length; a volatile sum, so that the loop is not left early.
  volatile unsigned char difference = authorization.size() == token.size() ? 0 : 1;
  for (std::size_t i = 0; i < authorization.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (authorization[i] ^ token[i % token.size()]));
  }
  return difference == 0;
}

bool is_foreign(std::string_view origin, std::string_view sec_fetch_site, std::string_view host) noexcept {
  if (!sec_fetch_site.empty() && sec_fetch_site != "same-origin" && sec_fetch_site != "none") return true;
  if (origin.empty()) return false;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return !equal_without_case(origin.substr(scheme.size()), host);
  }
  return true;
}

}  // namespace baton::admin
