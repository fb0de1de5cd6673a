#include "baton/lock/key.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "baton/base/utf8.hpp"
#include "shortened.hpp"

namespace baton::lock {
namespace {

failure refused(std::string_view text, const std::string& why, std::string_view cure) {
  const auto shown = valid_utf8(text.substr(0, 80)) + (text.size() > 80 ? "…" : "");
  return {errc::invalid_key, "lock key \"" + shown + "\" " + why + "; " + std::string{cure}};
}

constexpr std::string_view use_hashed = "key_mode::hashed takes any text";

/// What both servers take as it is.
status check(std::string_view text, key_mode mode) {
  if (text.empty()) return refused(text, "is empty", "name what the lock protects");
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++length) {
    const auto next = first_code_point(text.substr(i));
    const auto at = " at byte " + std::to_string(i + 1);
    if (!next.well_formed) return refused(text, "is not UTF-8" + at, use_hashed);
    if (next.value == 0) return refused(text, "holds a NUL" + at + ", where the servers would cut it off", use_hashed);
    if (next.value > 0xFFFF) return refused(text, "holds a code point beyond U+FFFF" + at + ", which MySQL refuses", use_hashed);
    if (mode == key_mode::portable && next.value > 0x7F)
      return refused(text, "is not ASCII" + at + ": MySQL and MariaDB do not agree about the case of other letters", use_hashed);
    i += next.size;
  }
  if (length > longest_name)
    return refused(text, "has " + std::to_string(length) + " characters and the servers take 64", "shorten it, or: key_mode::hashed");
  return {};
}

bool stays_literal(std::string_view text) {
  return !text.empty() && text.size() <= longest_name && std::ranges::all_of(text, [](char c) { return is_safe(c) || c == ':'; });
}

}  // namespace

result<key> key::from(std::string_view text, const key_options& how) {
  auto whole = std::string{how.prefix}.append(text);
  if (how.mode == key_mode::hashed) return key{stays_literal(whole) ? whole : shortened(readable(whole, ":"), whole)};
  if (auto fit = check(whole, how.mode); !fit) return std::move(fit).error();
  if (how.mode == key_mode::portable) std::ranges::transform(whole, whole.begin(), lower);
  return key{std::move(whole)};
}

result<key> key::from(std::span<const std::byte> bytes, const key_options& how) {
  return from(std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, how);
}

/// As repr() of Python 3: exponents below -4 and from 16 on, with two digits at least; ".0" where there is no fraction.
std::string key::decimal(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 40> text{};
  const auto print = [&](std::chars_format format) {
    return std::string{text.data(), std::to_chars(text.data(), text.data() + text.size(), value, format).ptr};
  };
  auto scientific = print(std::chars_format::scientific);
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (exponent < -4 || exponent >= 16) return scientific;
  auto fixed = print(std::chars_format::fixed);
  return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

}  // namespace baton::lock
