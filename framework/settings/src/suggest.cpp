#include "suggest.hpp"

#include "baton/base/suggest.hpp"

namespace baton::settings {

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const auto found = suggest(word, candidates);
  return found.empty() ? std::string{} : "did you mean '" + found + "'?";
}

std::vector<std::string_view> split_choices(std::string_view choices) {
  std::vector<std::string_view> out;
  while (!choices.empty()) {
    const auto bar = choices.find('|');
    out.push_back(choices.substr(0, bar));
    choices = bar == std::string_view::npos ? std::string_view{} : choices.substr(bar + 1);
  }
  return out;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string out = "'";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (i >= longest && (byte & 0xc0U) != 0x80U) {
      out += "…";
      break;
    }
    out += byte < 0x20 || byte == 0x7f ? '?' : text[i];
  }
  return out + "'";
}

}  // namespace baton::settings
