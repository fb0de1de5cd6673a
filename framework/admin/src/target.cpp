#include "target.hpp"

#include "baton/base/utf8.hpp"

namespace baton::admin {
namespace {

enum class plus : bool { stays, is_blank };

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text, plus sign) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 1 < text.size() ? digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && sign == plus::is_blank) {
      c = ' ';
    } else if (c == '#') {
      return std::nullopt;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  if (valid_utf8(out) != out) return std::nullopt;
  return out;
}

/// Calls `part` with each piece of `text` between separators, as long as it says yes.
template <typename Part>
bool split(std::string_view text, char separator, Part part) {
  for (;;) {
    const auto end = text.find(separator);
    if (!part(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<target> parse_target(std::string_view text) {
  if (!text.starts_with('/')) return std::nullopt;
  target made;
  const auto mark = text.find('?');
  const bool is_path = split(text.substr(1, mark == std::string_view::npos ? mark : mark - 1), '/', [&](std::string_view part) {
    auto name = decoded(part, plus::stays);
    if (!name || name->find('/') != std::string::npos) return false;
    made.path.push_back(std::move(*name));
    return true;
  });
  if (!is_path) return std::nullopt;
  if (mark == std::string_view::npos) return made;
  const bool is_query = split(text.substr(mark + 1), '&', [&](std::string_view part) {
    if (part.empty()) return true;
    const auto sign = part.find('=');
    auto name = decoded(part.substr(0, sign), plus::is_blank);
    auto value = decoded(sign == std::string_view::npos ? "" : part.substr(sign + 1), plus::is_blank);
    if (!name || !value) return false;
    made.query.emplace_back(std::move(*name), std::move(*value));
    return true;
  });
  if (!is_query) return std::nullopt;
  return made;
}

}  // namespace baton::admin
