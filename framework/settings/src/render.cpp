#include "baton/settings/settings.hpp"

namespace baton::settings {

std::string render(const problem& p) {
  std::string out = p.where.file + ":";
  if (p.where.line > 0) out += std::to_string(p.where.line) + ":" + std::to_string(p.where.column) + ":";
  out += p.is_warning ? " warning: " : " error: ";
  if (!p.path.empty()) out += p.path + ": ";
  out += p.message + "\n";
  if (p.where.line > 0 && !p.source.empty()) {
    auto number = std::to_string(p.where.line);
    if (number.size() < 5) number.insert(0, 5 - number.size(), ' ');
    out += number + " | " + p.source + "\n";
    out += std::string(number.size(), ' ') + " | " + std::string(p.caret > 0 ? p.caret - 1 : 0, ' ') + "^";
    out += p.hint.empty() ? "\n" : " " + p.hint + "\n";
  } else if (!p.hint.empty()) {
    out += "      " + p.hint + "\n";
  }
  return out;
}

}  // namespace baton::settings
