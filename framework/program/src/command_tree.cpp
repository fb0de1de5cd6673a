#include "command_tree.hpp"

#include <algorithm>

namespace baton::program {

value_kind kind_of(const option_help& option) {
  if (!option.choices.empty()) return value_kind::choice;
  const auto& name = option.names.back();
  if (name == "job" || name == "jobs" || name == "--job") return value_kind::job;
  const bool is_file = name == "--config" || name == "--socket" || name == "file" || name == "--jobs-of" ||
                       (name == "--with" && option.help.find("YAML file") != std::string::npos);
  return is_file ? value_kind::file : value_kind::other;
}

std::string option_help::value_name() const {
  if (!choices.empty()) {
    std::string out;
    for (const auto& c : choices) out += (out.empty() ? "" : "|") + c;
    return out;
  }
  auto out = kind_of(*this) == value_kind::file ? std::string{"FILE"} : names.back().substr(is_argument ? 0 : 2);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  if (may_repeat && out.ends_with('S')) out.pop_back();
  return out;
}

std::string synopsis_of(const verb_help& verb) {
  std::string out = verb.name;
  for (const auto is_argument : {true, false}) {
    for (const auto& o : verb.options) {
      if (o.is_argument != is_argument || o.names.back() == "--help") continue;
      auto text = is_argument ? o.value_name() : o.names.front() + (o.takes_value ? " " + o.value_name() : "");
      if (o.may_repeat) text += "...";
      out += o.is_required ? " " + text : " [" + text + "]";
    }
  }
  return verb.verbs.empty() ? out : out + (out.empty() ? "VERB" : " VERB");
}

std::vector<const verb_help*> all_verbs(const verb_help& program) {
  std::vector<const verb_help*> out{&program};
  for (const auto& verb : program.verbs) std::ranges::copy(all_verbs(verb), std::back_inserter(out));
  return out;
}

}  // namespace baton::program
