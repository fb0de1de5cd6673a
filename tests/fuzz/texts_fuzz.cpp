// What a handler writes becomes UTF-8 of bounded size, cut between characters; what a user writes becomes a value of the parameter's type,
// or a reason.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "baton/base/result.hpp"
#include "baton/base/utf8.hpp"
#include "printed.hpp"
#include "scalar.hpp"

using namespace baton::plugin_host;

namespace {

void cut(std::string_view text, std::size_t limit) {
  const auto whole = valid_utf8(text);
  BATON_ASSERT(whole == baton::valid_utf8(text) && valid_utf8(whole) == whole);
  const auto first = head(text, limit);
  const auto last = tail(text, limit);
  BATON_ASSERT(first.size() <= limit && valid_utf8(first) == first && whole.starts_with(first));
  BATON_ASSERT(last.size() <= limit && valid_utf8(last) == last && whole.ends_with(last));
  if (whole.size() <= limit) BATON_ASSERT(first == whole);
}

void print(std::string_view text, std::size_t times) {
  std::string all;
  printed kept;
  for (std::size_t i = 0; i < times; ++i) {
    all += text;
    kept.append(text);
  }
  BATON_ASSERT(kept.text() == tail(all));
}

void parse(std::string_view text, std::uint8_t choice) {
  parameter p;
  p.name = "p";
  p.type = static_cast<parameter_type>(1 + choice % 7);
  if ((choice & 0x10U) != 0) p.minimum = -10;
  if ((choice & 0x20U) != 0) p.maximum = 1e6;
  if ((choice & 0x40U) != 0) p.choices = {"a", "b"};
  p.secret = (choice & 0x80U) != 0;
  const bool is_scalar = p.type != parameter_type::text_list && p.type != parameter_type::text_map;
  for (auto found : {parse_fallback(p, text), is_scalar ? parse_scalar(p, text) : parse_fallback(p, text)}) {
    if (found) BATON_ASSERT((*found).index() + 1 == static_cast<std::size_t>(p.type));
    // Baton's own words are ASCII.
    if (!found && p.secret) BATON_ASSERT(std::ranges::all_of(found.error(), [](char c) { return c >= 0; }));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string text{reinterpret_cast<const char*>(data) + 2, size - 2};
  cut(text, data[0] % 64);
  print(text, data[0] % 64U);
  parse(text, data[1]);
  return 0;
}
