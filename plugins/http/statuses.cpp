#include "statuses.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace http_plugin {
namespace {

std::optional<long> status_of(std::string_view text) {
  long status = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), status);
  if (error != std::errc{} || stop != text.data() + text.size() || status < 100 || status > 599) return std::nullopt;
  return status;
}

std::optional<std::pair<long, long>> range_of(std::string_view text) {
  if (text.size() == 3 && text.substr(1) == "xx" && text[0] >= '1' && text[0] <= '5') {
    const long first = (text[0] - '0') * 100L;
    return std::pair{first, first + 99};
  }
  const auto dash = text.find('-');
  const auto first = status_of(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : status_of(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return std::pair{*first, *last};
}

}  // namespace

std::optional<statuses> statuses::parse(const baton::sdk::text_list& texts) {
  statuses all;
  for (const auto& text : texts) {
    const auto range = range_of(text);
    if (!range) return std::nullopt;
    all.ranges_.push_back(*range);
  }
  return all;
}

bool statuses::contains(long status) const {
  return std::ranges::any_of(ranges_, [&](const auto& range) { return range.first <= status && status <= range.second; });
}

}  // namespace http_plugin
