#include "manual.hpp"

#include <string_view>

#include "baton/settings/keys.hpp"
#include "exit_codes.hpp"

namespace baton::program {
namespace {

/// Text that roff takes as it is. What Markdown has between backticks is bold.
std::string text(std::string_view markdown) {
  std::string out;
  bool is_bold = false;
  for (std::size_t i = 0; i < markdown.size(); ++i) {
    const char c = markdown[i];
    if (c == '`') {
      is_bold = !is_bold;
      out += is_bold ? "\\fB" : "\\fR";
    } else if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (markdown.substr(i).starts_with("…")) {
      out += "...";
      i += std::string_view{"…"}.size() - 1;
    } else if (c == '.' && (i == 0 || markdown[i - 1] == '\n')) {
      out += "\\&.";
    } else {
      out += c;
    }
  }
  return out;
}

/// `[schedules](schedules.md)` is a link to a page that has no manual.
std::string without_links(std::string_view markdown) {
  std::string out{markdown};
  for (auto end = out.find("]("); end != std::string::npos; end = out.find("](")) {
    const auto begin = out.rfind('[', end);
    const auto close = out.find(')', end);
    if (begin == std::string::npos || close == std::string::npos) break;
    out = out.substr(0, begin) + out.substr(begin + 1, end - begin - 1) + out.substr(close + 1);
  }
  return out;
}

std::string bold(std::string_view words) { return "\\fB" + text(words) + "\\fR"; }

std::string head(std::string_view title, std::string_view name, std::string_view section, std::string_view what) {
  return ".TH " + std::string{title} + " " + std::string{section} + " \"\" \"Baton " BATON_VERSION "\"\n.nh\n.ad l\n.SH NAME\n" +
         text(name) + " \\- " + text(what) + "\n";
}

std::string item(const std::string& term, const std::string& meaning) { return ".TP\n" + term + "\n" + meaning + "\n"; }

std::string option_item(const option_help& o) {
  std::string term;
  for (const auto& name : o.names) {
    if (o.is_argument) break;
    term += (term.empty() ? "" : ", ") + bold(name);
  }
  if (o.is_argument || o.takes_value) term += (term.empty() ? "" : " ") + ("\\fI" + text(o.value_name()) + "\\fR");
  return item(term, text(o.help) + (o.is_required ? " (required)" : ""));
}

constexpr std::string_view environment_of_program = R"(.TP
.B NO_COLOR
without colours, even on a terminal
.TP
.B CREDENTIALS_DIRECTORY
where {credential: NAME} of a configuration is looked up; systemd sets it
.TP
.BR STATE_DIRECTORY ", " XDG_STATE_HOME ", " HOME
where the local store is when the configuration has no store
.TP
.B RUNTIME_DIRECTORY
where the admin socket is when the configuration does not say
)";

}  // namespace

std::string program_manual(const verb_help& program) {
  auto out = head("BATON", "baton", "1", "a job scheduler for a fleet") + ".SH SYNOPSIS\n" + bold("baton") + " " +
             text("VERB [OPTION...]") + "\n.SH DESCRIPTION\n" + text(program.help) +
             "\nData goes to standard output, diagnostics go to standard error.\n.SH VERBS\n";
  for (const auto* verb : all_verbs(program)) {
    if (verb->name.empty() || !verb->verbs.empty()) continue;
    out += ".SS " + text("baton " + synopsis_of(*verb)) + "\n" + text(verb->help) + "\n";
    for (const auto& o : verb->options) {
      if (o.names.back() != "--help") out += option_item(o);
    }
  }
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : exit_code_meanings) out += item(std::to_string(code), text(meaning));
  return out + ".SH ENVIRONMENT\n" + std::string{environment_of_program} + ".SH SEE ALSO\n.BR baton.yaml (5)\n";
}

std::string configuration_manual() {
  auto out =
      head("BATON.YAML", "baton.yaml", "5", "the configuration of baton") + ".SH DESCRIPTION\n" +
      text(
          "One YAML file, the same on every instance of a cluster. `baton check -c FILE` reports everything that is wrong with it at "
          "once; a file with an error never starts an instance. Durations and sizes carry units. `${VAR}`, `${VAR:-default}` and "
          "`${VAR:?message}` stand for variables of the environment, in values only, and `$$` for a dollar sign.") +
      "\n.SH KEYS\n";
  for (const auto& row : settings::keys()) {
    std::string path{row.path};
    if (const auto star = path.find('*'); star != std::string::npos) path.replace(star, 1, "NAME");
    auto meaning = text(settings::value_text(row));
    if (row.is_required) meaning += "; required";
    if (!row.fallback.empty()) meaning += "; default: " + bold(row.fallback);
    meaning += "\n.br\n" + text(without_links(row.help));
    if (row.is_local) meaning += " (may differ between instances)";
    out += item(bold(path), meaning);
  }
  return out + ".SH SEE ALSO\n.BR baton (1)\n";
}

}  // namespace baton::program
