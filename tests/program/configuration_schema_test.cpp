// One corpus for two judges: the validator of `baton check`, and python3-jsonschema with what `baton schema` prints.

#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <random>
#include <regex>
#include <set>
#include <sstream>

#include "baton/settings/keys.hpp"
#include "baton/settings/settings.hpp"
#include "configuration_schema.hpp"
#include "started_program.hpp"

namespace baton::program {
namespace {

namespace fs = std::filesystem;
const fs::path source_dir{BATON_SOURCE_DIR};

/// What only `baton check` finds. docs/reference/configuration.md lists the names.
struct kind {
  const char* name;
  const char* messages;
};
constexpr std::array kinds{
    kind{"what is in the environment or in other files",
         "characters, and needs at least|is not set|got '\\$\\{|is not HOST:PORT|leads out of a folder|in an included file|cannot be "
         "read|there is no "
         "file|CREDENTIALS_DIRECTORY|does not "
         "name a variable|is not "
         "understood|has no '}'|^the "
         "value of "
         "'.*' (does not fit|is not a)|has no name|has a '/' in its name|has several colons"},
    kind{"rules between keys",
         "more than a third|is less than stop|is more than wait_timeout|rows are kept for|does not go with|but against nothing|is of a "
         "server|"
         "leads back|stands alone|whole seconds"},
    kind{"names of other jobs and of calendars", "there is no (calendar|job) '"},
    kind{"how large a duration or a size may be", "^must be .* to .*, got '[0-9.]+[A-Za-z]|longer than 36500d|finer than a microsecond"},
    kind{"how a number is spelt", "must be (an integer|1)"},
    kind{"keys that stand there twice, or differ in case alone", "given twice|already defined|differs only in case"},
    kind{"merge keys, tags, and what YAML lets pass",
         "merging with|tags are not supported|a key must be a word|never closed|control character"},
    kind{"parts of a URL or an address",
         "is not the name|is not a port|port 0|unknown parameter|user is missing|database is missing|host is "
         "missing|socket|%-sequence|an '@' stands|the root directory|no parameters|in brackets"},
    kind{"what an expression, a day, an instant or a time zone says",
         "is outside|time zone|can never fire|must be a(n instant| day| time|t least)|is not a (schedule|value|step)|ends on a day "
         "before|must be two "
         "days|field|is not a day|belongs to|not a (name|number)|unexpected|@reboot|step|must be at|range"},
};

/// Spellings that a key may be given, right for some and wrong for most.
constexpr std::array spellings{"1",
                               "0",
                               "-5",
                               "010",
                               "1_000",
                               "0x10",
                               "1.0",
                               "1e3",
                               "100000000",
                               "+5",
                               "\"8\"",
                               "true",
                               "yes",
                               "\"true\"",
                               "null",
                               "\"\"",
                               "a",
                               "Upper",
                               "two words",
                               "30s",
                               "1h30m",
                               "30",
                               "30 s",
                               "30m1h",
                               "1.5s",
                               "99999d",
                               "512MiB",
                               "512",
                               "1TiB",
                               "[]",
                               "[a]",
                               "[a, b]",
                               "[1, true]",
                               "{}",
                               "{a: 1}",
                               "{env: HOME}",
                               "{env: A, file: b}",
                               "{file: /nowhere}",
                               "${HOME}",
                               "${BATON_UNSET}",
                               "${BATON_UNSET:-fast}",
                               "$$",
                               "info",
                               "\"0 2 * * *\"",
                               "\"* * * *\"",
                               "\"61 * * * *\"",
                               "\"@daily\"",
                               "\"@reboot\"",
                               "{every: 90s}",
                               "{every: 90}",
                               "{every: 90s, anchor: x}",
                               "{at: 2026-12-31T23:59:00}",
                               "{at: x, every: 1s}",
                               "Europe/Berlin",
                               "Europe/Berlim",
                               "2026-12-25",
                               "[2026-12-25]",
                               "[2026-02-30]",
                               "[2026-12-29..2026-12-31]",
                               "[2026-12-31..2026-12-29]",
                               "[{job: other, on: failure}]",
                               "[{job: other, on: sometimes}]",
                               "[{on: any}]",
                               "other",
                               "mysql://u@h/d",
                               "mysql://h/d",
                               "mysql://u@h:99999/d",
                               "local:///var/x",
                               "postgres://u@h/d",
                               "127.0.0.1:80",
                               "127.0.0.1",
                               "false",
                               "127.0.0.1:99999",
                               "!!str a",
                               "{<<: 1}",
                               "[[a]]",
                               "{a: null}",
                               "~"};

std::string with_key(std::string path, const std::string& spelling) {
  std::vector<std::string> lines{"version: 1", "cluster: a"};
  const bool is_in_job = path.starts_with("jobs.*.");
  std::string job = "  other: {plugin: noop, schedule: \"@daily\"}\n";
  if (is_in_job) {
    path = path.substr(7);
    job += "  j:\n";
    if (path != "plugin") job += "    plugin: noop\n";
    if (path != "schedule") job += "    schedule: \"@daily\"\n";
  }
  std::string out;
  std::string indent = is_in_job ? "    " : "";
  for (std::size_t dot = 0; (dot = path.find('.')) != std::string::npos; path = path.substr(dot + 1)) {
    out += indent + (path.starts_with("*") ? "some" : path.substr(0, dot)) + ":\n";
    indent += "  ";
    if (path.starts_with("store.") && !path.starts_with("store.url")) out += indent + "url: mysql://u@h/d\n";
  }
  out += indent + path + ": " + spelling + "\n";
  std::string text;
  for (const auto& line : lines) text += path == line.substr(0, line.find(':')) && !is_in_job && indent.empty() ? "" : line + "\n";
  return is_in_job ? text + "jobs:\n" + job + out : text + out + (path == "jobs" ? "" : "jobs:\n" + job);
}

class schema : public started_program {
 protected:
  struct judged {
    std::string name;
    bool is_mutated;
    bool is_taken;
    std::vector<std::string> errors;
    std::string text;
  };

  void add(const fs::path& file, const std::string& name, bool is_mutated = false) {
    const auto loaded = settings::load(file.string());
    judged one{name, is_mutated, loaded.value.has_value(), {}, is_mutated ? "" : read(file.string())};
    for (const auto& p : loaded.problems) {
      if (!p.is_warning) one.errors.push_back(p.where.file == file.string() ? p.message : "in an included file");
    }
    corpus_.push_back(std::move(one));
    paths_ += file.string() + "\n";
  }

  void add_text(const std::string& text, const std::string& name, bool is_mutated = false) {
    add(written(text, "case" + std::to_string(corpus_.size()) + ".yaml"), name, is_mutated);
  }

  std::vector<judged> corpus_;
  std::string paths_;
};

TEST_F(schema, agrees_with_check_but_for_the_kinds_of_error_that_only_check_finds) {
  ::unsetenv("BATON_UNSET");
  for (const auto* folder : {"config", "tests/settings/golden", "tests/settings/broken"}) {
    for (const auto& entry : fs::directory_iterator{source_dir / folder}) {
      if (entry.path().extension() == ".yaml") add(entry.path(), (fs::path{folder} / entry.path().filename()).string());
    }
  }
  for (const auto& row : settings::keys()) {
    if (row.path == "jobs.*" || row.path.ends_with(".*")) continue;
    for (const auto* spelling : spellings) add_text(with_key(std::string{row.path}, spelling), std::string{row.path} + ": " + spelling);
  }
  const auto good = read((source_dir / "config/every-key.yaml").string());
  std::mt19937_64 random{20261126};
  const auto pick = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>{0, below - 1}(random); };
  for (int i = 0; i < 200; ++i) {
    auto text = good;
    text[pick(text.size())] = "*&@!?:,[]{}#'\"-0.9aZ "[pick(21)];
    add_text(text, "mutation " + std::to_string(i), true);
  }
  const auto schema_file = written(run("schema").out, "schema.json");
  const auto told = shell("/usr/bin/python3 " + (source_dir / "tests/program/schema_judge.py").string() + " " + schema_file + " " +
                          written(paths_, "paths"));
  ASSERT_EQ(told.code, 0) << told.err << "\npython3-jsonschema and python3-yaml are installed by ./dev setup";
  std::istringstream verdicts{told.out};
  std::set<std::string> seen;
  std::size_t taken = 0;
  for (const auto& one : corpus_) {
    std::string verdict;
    ASSERT_TRUE(std::getline(verdicts, verdict)) << one.name;
    if (one.is_taken) {
      EXPECT_EQ(verdict, "accepted") << one.name << "\n" << one.text;
      ++taken;
    } else if (verdict == "accepted" && !one.is_mutated) {
      for (const auto& error : one.errors) {
        const auto found = std::ranges::find_if(kinds, [&](const kind& k) { return std::regex_search(error, std::regex{k.messages}); });
        EXPECT_NE(found, kinds.end()) << one.name << ": only check says: " << error << "\n" << one.text;
        if (found != kinds.end()) seen.insert(found->name);
      }
    }
  }
  EXPECT_GT(taken, 300U);
  EXPECT_GT(corpus_.size() - taken, 300U);
  const auto page = read((source_dir / "docs/reference/configuration.md").string());
  for (const auto& k : kinds) {
    EXPECT_TRUE(seen.contains(k.name)) << k.name;
    EXPECT_THAT(page, testing::HasSubstr(std::string{"- "} + k.name)) << "the page lists what only check finds";
  }
}

TEST_F(schema, is_what_the_program_prints) {
  const auto a = run("schema -o json");
  EXPECT_EQ(a.code, 0) << a.err;
  EXPECT_EQ(a.out, boost::json::serialize(configuration_schema()) + "\n");
}

TEST_F(schema, is_named_in_the_first_line_of_each_example) {
  for (const auto& entry : fs::directory_iterator{source_dir / "config"}) {
    EXPECT_THAT(read(entry.path().string()), testing::StartsWith("# yaml-language-server: $schema=/usr/share/baton/baton.schema.json\n"))
        << entry.path();
  }
}

}  // namespace
}  // namespace baton::program
