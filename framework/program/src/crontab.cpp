#include "crontab.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "baton/base/utf8.hpp"
#include "baton/schedule/timetable.hpp"
#include "crontab_words.hpp"

namespace baton::program {
namespace {

/// As a YAML text in double quotes, for the configuration: a $ is doubled, for no variable is meant.
std::string yaml(std::string_view text) {
  std::string out;
  for (const char c : boost::json::serialize(boost::json::string{text})) {
    if (c == '\x7f') {
      out += "\\x7f";
    } else {
      out.append(c == '$' ? 2 : 1, c);
    }
  }
  return out;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto next = first_code_point(text);
    if (!next.well_formed) return false;
    text.remove_prefix(next.size);
  }
  return true;
}

struct entry {
  std::string schedule;
  std::string user;
  std::string command;
  std::string input;  ///< what stood behind a %
  bool has_input = false;
};

class importer {
 public:
  explicit importer(const crontab_source& from) : from_(from) {}

  imported_crontab run(std::string_view text) {
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      ++line_;
      take(text.substr(begin, end - begin));
      begin = end + 1;
    }
    result_.yaml = "# yaml-language-server: $schema=/usr/share/baton/baton.schema.json\n# From " + one_line(from_.file) +
                   ", by baton import crontab.\nversion: 1\ncluster: " + yaml(from_.cluster) +
                   "\n\ndefaults:\n  timezone: " + yaml(from_.timezone) + "\n\njobs:" + (result_.job_count == 0 ? " {}" : "") + "\n" +
                   jobs_;
    if (result_.job_count > 0 && !from_.is_system)
      note(0, "the jobs run as the account of the scheduler; `user: NAME` below `with` names another");
    if (result_.job_count > 0 && from_.is_system) note(0, "`user` needs a scheduler that runs as root");
    if (needs_home_)
      note(0,
           "cron starts commands in the home of their user; here they start where the scheduler does, unless `directory` below `with` says "
           "so");
    if (result_.job_count > 0)
      note(
          0,
          "cron starts a job beside itself, and forgets what it missed; here a tick is skipped while the job still runs (overlap), and the "
          "newest one missed within an hour is made up for (catch_up)");
    return std::move(result_);
  }

 private:
  static std::string one_line(std::string_view text) {
    std::string out{text};
    std::ranges::replace_if(
        out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    return out;
  }

  void note(std::size_t line, const std::string& what) {
    result_.notes.push_back(from_.file + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + what);
  }

  void leave_out(std::string_view text, const std::string& why) {
    note(line_, "left out: " + why);
    jobs_ += "  # line " + std::to_string(line_) + " was left out: " + (is_utf8(text) ? one_line(text) : "") + "\n";
    ++result_.left_out;
    comment_.clear();
  }

  void take(std::string_view line) {
    line = trimmed(line);
    if (line.empty()) return comment_.clear();
    if (line.front() == '#') return take_comment(trimmed(line.substr(1)));
    if (!is_utf8(line)) return leave_out(line, "it is not valid UTF-8");
    if (auto set = read_variable(line)) return take_variable(std::move(set->first), std::move(set->second));
    if (auto read = read_entry(line)) add(line, *read);
  }

  /// What stands right above an entry describes it, unless it is a drawing of the columns.
  void take_comment(std::string_view text) {
    const auto letters = std::ranges::count_if(text, [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
    const bool is_drawing = letters < 3 || text.front() == '.' || text.front() == '*' || text.starts_with("m h ") ||
                            text.find('|') != std::string_view::npos || !is_utf8(text);
    if (is_drawing) return comment_.clear();
    if (!comment_.empty()) comment_ += ' ';
    comment_ += one_line(text);
  }

  void take_variable(std::string name, std::string value) {
    comment_.clear();
    if (name == "MAILTO" || name == "MAILFROM") {
      if (!value.empty() && name == "MAILTO")
        note(line_, "no mail goes to " + one_line(value) +
                        ": the end of what a run prints is kept with it (baton runs); tell somebody by a job with `after: [{job: NAME, on: "
                        "failure}]`");
    } else if (name == "LOGNAME" || name == "USER") {
      note(line_, name + " is set by cron itself, and not taken from here");
    } else if (name == "CRON_TZ") {
      zone_ = std::move(value);
    } else if (name == "RANDOM_DELAY") {
      delay_ = std::move(value);
    } else {
      if (looks_secret(name))
        note(line_, "the value of " + name + " stands in the file in clear; {file: PATH} or {env: NAME} keeps it out");
      if (name == "SHELL") shell_ = value;
      if (name == "HOME") home_ = value;
      variables_[std::move(name)] = std::move(value);
    }
  }

  static bool looks_secret(std::string name) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return std::ranges::any_of(std::array{"PASS", "SECRET", "TOKEN", "APIKEY", "API_KEY"},
                               [&](const char* part) { return name.find(part) != std::string::npos; });
  }

  std::optional<entry> read_entry(std::string_view line) {
    entry out;
    auto rest = line;
    if (rest.front() == '-') rest.remove_prefix(1);  // cronie: does not log it
    const std::size_t words = rest.starts_with('@') ? 1 : 5;
    for (std::size_t i = 0; i < words; ++i) {
      const auto word = take_word(rest);
      if (word.empty()) return leave_out(line, "it has " + std::to_string(i) + " fields; five and a command are expected"), std::nullopt;
      out.schedule += (i == 0 ? "" : " ") + std::string{word};
    }
    if (from_.is_system) out.user = take_word(rest);
    split_input(rest, out);
    if (out.command.empty())
      return leave_out(line, from_.is_system ? "there is no user, or no command" : "there is no command"), std::nullopt;
    return out;
  }

  /// The first % ends the command, each other one is a line end of its standard input; \% is a percent sign.
  static void split_input(std::string_view rest, entry& out) {
    auto* to = &out.command;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (rest[i] == '\\' && i + 1 < rest.size() && rest[i + 1] == '%') {
        *to += rest[++i];
      } else if (rest[i] != '%') {
        *to += rest[i];
      } else if (to == &out.input) {
        *to += '\n';
      } else {
        to = &out.input;
        out.has_input = true;
      }
    }
  }

  /// Why this entry has other ticks here than in cron; empty: it has the same.
  static std::string difference(const std::string& text, const schedule::zone& where) {
    if (text == "@reboot")
      return "@reboot means nothing in a fleet, whose machines and instances start all the time; a unit of systemd does it";
    const auto made = schedule::timetable::from_cron(text, where);
    if (const auto* bad = std::get_if<schedule::syntax_error>(&made)) return bad->message;
    if (text.front() == '@') return {};
    std::string_view rest = text;
    std::array<std::string_view, 5> field;
    for (auto& f : field) f = take_word(rest);
    const auto day = field[2];
    const auto weekday = field[4];
    const bool is_joined = day.front() == '*' || weekday.front() == '*';
    if (!is_joined || day == "*" || weekday == "*") return {};
    return "to cron a day has to match both '" + std::string{day} + "' and '" + std::string{weekday} +
           "', for one of them begins with a *; here either would do. A calendar (only_on) can say it";
  }

  void add(std::string_view line, const entry& e) {
    const auto where = schedule::zone::find(zone_.empty() ? from_.timezone : zone_);
    if (const auto* bad = std::get_if<schedule::syntax_error>(&where)) return leave_out(line, "CRON_TZ: " + bad->message);
    if (auto why = difference(e.schedule, std::get<schedule::zone>(where)); !why.empty()) return leave_out(line, why);
    const auto name = free_name(job_name(e.command));
    auto command = e.command;
    if (e.has_input) command = "{ " + command + "\n} <<'END_OF_INPUT'\n" + e.input + "\nEND_OF_INPUT\n";
    jobs_ += "  " + yaml(name) + ": # line " + std::to_string(line_) + "\n";
    if (!comment_.empty()) jobs_ += "    description: " + yaml(comment_) + "\n";
    jobs_ += "    plugin: exec\n    with:\n      command: [" + yaml(shell_) + ", \"-c\", " + yaml(command) + "]\n";
    add_environment();
    if (!home_.empty()) jobs_ += "      directory: " + yaml(home_) + "\n";
    if (!e.user.empty()) jobs_ += "      user: " + yaml(e.user) + "\n";
    jobs_ += "    schedule: " + yaml(e.schedule) + "\n";
    if (!zone_.empty() && zone_ != from_.timezone) jobs_ += "    timezone: " + yaml(zone_) + "\n";
    if (!delay_.empty() && delay_ != "0") jobs_ += "    jitter: " + yaml(delay_ + "m") + "\n";
    needs_home_ = needs_home_ || home_.empty();
    ++result_.job_count;
    comment_.clear();
  }

  void add_environment() {
    std::string all;
    for (const auto& [name, value] : variables_) all += (all.empty() ? "" : ", ") + yaml(name) + ": " + yaml(value);
    if (!all.empty()) jobs_ += "      environment: {" + all + "}\n";
  }

  std::string free_name(const std::string& wanted) {
    auto name = wanted;
    for (int i = 2; !names_.insert(name).second; ++i) name = wanted + "-" + std::to_string(i);
    return name;
  }

  const crontab_source& from_;
  imported_crontab result_;
  std::string jobs_;
  std::size_t line_ = 0;
  std::string comment_;
  std::string shell_ = "/bin/sh";
  std::string home_;
  std::string zone_;
  std::string delay_;
  std::map<std::string, std::string> variables_;
  std::set<std::string> names_;
  bool needs_home_ = false;
};

}  // namespace

imported_crontab import_crontab(std::string_view text, const crontab_source& source) { return importer{source}.run(text); }

}  // namespace baton::program
