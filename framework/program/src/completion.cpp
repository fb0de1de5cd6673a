#include "completion.hpp"

#include <string_view>

namespace baton::program {
namespace {

/// In single quotes, for any of the shells.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return out + "'";
}

std::string joined(const std::vector<std::string>& words, std::string_view between = " ") {
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : std::string{between}) + w;
  return out;
}

std::string last_word(const std::string& name) { return name.substr(name.rfind(' ') + 1); }

/// "' run'|' check'|'plugin new'": every verb behind its parent.
std::string verb_patterns(const verb_help& program) {
  std::string out;
  for (const auto* verb : all_verbs(program)) {
    if (!verb->name.empty())
      out += (out.empty() ? "" : "|") + shell_quoted(verb->name.find(' ') == std::string::npos ? " " + verb->name : verb->name);
  }
  return out;
}

std::string bash_value(const option_help& o) {
  switch (kind_of(o)) {
    case value_kind::file: return "_baton_files \"$word\"";
    case value_kind::job: return "_baton_words \"$(_baton_jobs)\" \"$word\"";
    case value_kind::choice: return "_baton_words " + shell_quoted(joined(o.choices)) + " \"$word\"";
    case value_kind::other: break;
  }
  return ":";
}

/// What follows an option that takes a value.
std::string bash_option_values(const verb_help& verb) {
  std::string out;
  for (const auto& o : verb.options) {
    if (!o.takes_value || o.is_argument) continue;
    std::vector<std::string> patterns;
    for (const auto& name : o.names) patterns.push_back(shell_quoted(verb.name + " " + name));
    out += "    " + joined(patterns, "|") + ") " + bash_value(o) + "; return ;;\n";
  }
  return out;
}

/// What else may stand behind a verb.
std::string bash_words(const verb_help& verb) {
  std::vector<std::string> options;
  std::string arguments;
  for (const auto& o : verb.options) {
    if (o.is_argument) {
      if (arguments.empty()) arguments = bash_value(o);
    } else {
      options.insert(options.end(), o.names.begin(), o.names.end());
    }
  }
  std::vector<std::string> verbs;
  for (const auto& v : verb.verbs) verbs.push_back(last_word(v.name));
  if (!verbs.empty()) arguments = "_baton_words " + shell_quoted(joined(verbs)) + " \"$word\"";
  if (arguments.empty()) arguments = "_baton_words " + shell_quoted(joined(options)) + " \"$word\"";
  return "    " + shell_quoted(verb.name) + ") if [[ $word == -* ]]; then _baton_words " + shell_quoted(joined(options)) +
         " \"$word\"; else " + arguments + "; fi ;;\n";
}

std::string zsh_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_action(const option_help& o) {
  switch (kind_of(o)) {
    case value_kind::file: return "_files";
    case value_kind::job: return "_baton_jobs";
    case value_kind::choice: return "(" + joined(o.choices) + ")";
    case value_kind::other: break;
  }
  return " ";
}

std::string zsh_option(const option_help& o) {
  if (o.is_argument) return shell_quoted(std::string{o.may_repeat ? "*" : ""} + ":" + zsh_escaped(o.names.back()) + ":" + zsh_action(o));
  std::string out;
  for (const auto& name : o.names) {
    const auto once = o.may_repeat ? std::string{"*"} : "(" + joined(o.names) + ")";
    const auto value = o.takes_value ? ":" + zsh_escaped(o.value_name()) + ":" + zsh_action(o) : "";
    out += (out.empty() ? "" : " ") + shell_quoted(once + name + "[" + zsh_escaped(o.help) + "]" + value);
  }
  return out;
}

std::string zsh_function(const std::string& name) {
  std::string out = "_baton_verb_" + name;
  for (char& c : out) c = c == ' ' || c == '-' ? '_' : c;
  return out;
}

std::string zsh_verb(const verb_help& verb) {
  std::string out = zsh_function(verb.name) + "() {\n";
  std::string arguments;
  for (const auto& o : verb.options) arguments += " \\\n    " + zsh_option(o);
  if (verb.verbs.empty()) return out + "  _arguments -s" + arguments + "\n}\n";
  out += "  local context state state_descr line\n  typeset -A opt_args\n  _arguments -C" + arguments +
         " \\\n    '1: :->verb' '*:: :->rest'\n  case $state in\n  verb)\n    local -a verbs=(";
  for (const auto& v : verb.verbs) out += "\n      " + shell_quoted(last_word(v.name) + ":" + zsh_escaped(v.help));
  out += ")\n    _describe verb verbs ;;\n  rest)\n    case $words[1] in\n";
  for (const auto& v : verb.verbs) out += "    " + last_word(v.name) + ") " + zsh_function(v.name) + " ;;\n";
  return out + "    esac ;;\n  esac\n}\n";
}

std::string fish_option(const verb_help& verb, const option_help& o) {
  std::string out = "complete -c baton -n " + shell_quoted("__baton_at " + shell_quoted(verb.name));
  for (const auto& name : o.names) {
    if (o.is_argument) continue;
    out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (o.takes_value && !o.is_argument) out += " -r";
  switch (kind_of(o)) {
    case value_kind::file: out += " -F"; break;
    case value_kind::job: out += " -a '(__baton_jobs)'"; break;
    case value_kind::choice: out += " -a " + shell_quoted(joined(o.choices)); break;
    case value_kind::other:
      if (o.is_argument) return {};
  }
  return out + " -d " + shell_quoted(o.help) + "\n";
}

}  // namespace

std::string bash_completion(const verb_help& program) {
  std::string values;
  std::string words;
  for (const auto* verb : all_verbs(program)) {
    values += bash_option_values(*verb);
    words += bash_words(*verb);
  }
  return R"sh(# bash completion for baton; made by: baton completion bash
_baton_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2"); }
_baton_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$1")
}
_baton_jobs() {
  local i
  for ((i = 1; i + 1 < ${#COMP_WORDS[@]}; i++)); do
    case ${COMP_WORDS[i]} in
    -c | --config) "${COMP_WORDS[0]}" completion --jobs-of "${COMP_WORDS[i + 1]}" 2>/dev/null ;;
    esac
  done
}
_baton() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$verb ${COMP_WORDS[i]}" in
    )sh" +
         verb_patterns(program) +
         R"sh() verb="${verb:+$verb }${COMP_WORDS[i]}" ;;
    esac
  done
  case "$verb $previous" in
)sh" + values +
         R"sh(  esac
  case $verb in
)sh" + words +
         R"sh(  esac
}
complete -F _baton baton
)sh";
}

std::string zsh_completion(const verb_help& program) {
  std::string out = R"sh(#compdef baton
# zsh completion for baton; made by: baton completion zsh
_baton_jobs() {
  local file=${opt_args[-c]:-${opt_args[--config]}}
  [[ -n $file ]] && compadd -- ${(f)"$(_call_program jobs baton completion --jobs-of ${(q)${(Q)file}} 2>/dev/null)"}
}
)sh";
  for (const auto* verb : all_verbs(program)) out += zsh_verb(*verb);
  return out + R"sh(
if [[ $funcstack[1] == _baton ]]; then
  _baton_verb_ "$@"
else
  compdef _baton_verb_ baton
fi
)sh";
}

std::string fish_completion(const verb_help& program) {
  std::string patterns;
  for (const auto* verb : all_verbs(program)) {
    if (!verb->name.empty()) patterns += " " + shell_quoted(verb->name);
  }
  std::string out = R"sh(# fish completion for baton; made by: baton completion fish
function __baton_at
  set -l verb
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim "$verb $word")
    contains -- $longer)sh" +
                    patterns + R"sh(; and set verb $longer
  end
  test "$verb" = "$argv"
end
function __baton_jobs
  set -l words (commandline -opc)
  for i in (seq (count $words))
    contains -- $words[$i] -c --config; and baton completion --jobs-of $words[(math $i + 1)] 2>/dev/null
  end
end
complete -c baton -f
)sh";
  for (const auto* verb : all_verbs(program)) {
    for (const auto& v : verb->verbs)
      out += "complete -c baton -n " + shell_quoted("__baton_at " + shell_quoted(verb->name)) + " -a " + last_word(v.name) + " -d " +
             shell_quoted(v.help) + "\n";
    for (const auto& o : verb->options) out += fish_option(*verb, o);
  }
  return out;
}

}  // namespace baton::program
