#include "crontab.hpp"

#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "baton/settings/settings.hpp"
#include "started_program.hpp"

namespace baton::program {
namespace {

using testing::HasSubstr;

class crontab : public started_program {
 protected:
  static std::string folder() { return std::string{BATON_SOURCE_DIR} + "/tests/program/crontabs/"; }

  settings::settings loaded(const imported_crontab& made) {
    auto result = settings::load(written(made.yaml, "imported.yaml"));
    std::string all = made.yaml;
    for (const auto& p : result.problems) all += settings::render(p);
    EXPECT_TRUE(result.value) << all;
    EXPECT_TRUE(result.problems.empty()) << all;
    return result.value ? *std::move(result.value) : settings::settings{};
  }
  static std::string command_of(const settings::job& j) {
    const auto& list = std::get<settings::with_value::list>(j.with.front().second.data);
    return std::get<std::string>(list.back().data);
  }
};

imported_crontab imported(const std::string& text) { return import_crontab(text, {"tab", false, "cron", "UTC"}); }

TEST_F(crontab, becomes_a_configuration_and_an_honest_report) {
  for (const std::string name : {"user", "system"}) {
    auto a = shell("cd " + folder() + " && " + BATON_PROGRAM + " import crontab " + name +
                   ".crontab --timezone Europe/Berlin --cluster shop" + (name == "system" ? " --system" : ""));
    EXPECT_EQ(a.code, 1) << "some entries cannot be kept";
    const auto text = a.out + "---- stderr\n" + a.err;
    const auto golden = folder() + name + ".expected";
    if (std::getenv("BATON_UPDATE_GOLDEN") != nullptr) std::ofstream{golden} << text;
    EXPECT_EQ(text, read(golden));
    const auto check = run("check -c " + written(a.out, name + ".yaml"));
    EXPECT_EQ(check.code, 0) << check.err;
    EXPECT_EQ(check.err, "");
  }
}

TEST_F(crontab, is_read_from_standard_input_and_is_refused_where_it_cannot_be) {
  const auto a = shell("printf '0 5 * * * /bin/true\\n' | " + std::string{BATON_PROGRAM} + " import crontab - --timezone UTC");
  EXPECT_EQ(a.code, 0) << a.err;
  EXPECT_THAT(a.out, HasSubstr("\"true\": # line 1"));
  EXPECT_EQ(run("import crontab /nowhere").code, 78);
  EXPECT_EQ(run("import crontab /").code, 78);
  EXPECT_EQ(run("import crontab - --timezone Nowhere < /dev/null").code, 64);
  EXPECT_EQ(run("import").code, 64);
}

TEST_F(crontab, keeps_commands_to_the_byte) {
  const auto s = loaded(imported("* * * * * echo \"$HOME\" '${X}' $$ \\% \\n \x7f \xc3\xa9 # not a comment\n1 1 1 1 1 cat%a%%b\\%\n"));
  ASSERT_EQ(s.jobs.size(), 2U);
  EXPECT_EQ(command_of(s.jobs[0]), "echo \"$HOME\" '${X}' $$ % \\n \x7f \xc3\xa9 # not a comment");
  EXPECT_EQ(command_of(s.jobs[1]), "{ cat\n} <<'END_OF_INPUT'\na\n\nb%\nEND_OF_INPUT\n");
  EXPECT_EQ(shell("sh -c \"$(printf '" + std::string{"{ cat\\n} <<EOF\\na\\nEOF\\n"} + "')\"").out, "a\n") << "what a shell makes of it";
}

// cron(8) as it is written: a bit for each value, and a day matches both fields if one of them begins with a star.
struct entry_of_cron {
  explicit entry_of_cron(const std::string& text) {
    std::istringstream in{text};
    in >> fields[0] >> fields[1] >> fields[2] >> fields[3] >> fields[4];
  }
  static bool matches(const std::string& field, int value, int first, int last) {
    std::istringstream parts{field};
    for (std::string part; std::getline(parts, part, ',');) {
      const auto slash = part.find('/');
      const int step = slash == std::string::npos ? 1 : std::stoi(part.substr(slash + 1));
      part = part.substr(0, slash);
      int from = first;
      int to = last;
      if (part != "*") {
        const auto dash = part.find('-');
        from = std::stoi(part.substr(0, dash));
        to = dash == std::string::npos ? from : std::stoi(part.substr(dash + 1));
      }
      if (value >= from && value <= to && (value - from) % step == 0) return true;
    }
    return false;
  }
  [[nodiscard]] bool runs_on(std::chrono::sys_days day) const {
    const std::chrono::year_month_day date{day};
    const auto weekday = static_cast<int>(std::chrono::weekday{day}.c_encoding());
    const bool day_fits = matches(fields[2], static_cast<int>(static_cast<unsigned>(date.day())), 1, 31);
    const bool weekday_fits = matches(fields[4], weekday, 0, 7) || (weekday == 0 && matches(fields[4], 7, 0, 7));
    const bool is_joined = fields[2].front() == '*' || fields[4].front() == '*';
    return matches(fields[3], static_cast<int>(static_cast<unsigned>(date.month())), 1, 12) &&
           (is_joined ? day_fits && weekday_fits : day_fits || weekday_fits);
  }
  [[nodiscard]] std::vector<std::chrono::minutes> times() const {
    std::vector<std::chrono::minutes> all;
    for (int m = 0; m < 1440; ++m) {
      if (matches(fields[0], m % 60, 0, 59) && matches(fields[1], m / 60, 0, 23)) all.emplace_back(m);
    }
    return all;
  }
  std::array<std::string, 5> fields;
};

TEST_F(crontab, has_the_ticks_of_cron_or_leaves_the_entry_out) {
  using namespace std::chrono_literals;
  std::string text;
  std::vector<std::string> expressions;
  for (const std::string time : {"0 2", "*/17 *", "5,35 8-18/2", "30 0"}) {
    for (const std::string days : {"* * *", "13 * 5", "*/2 * *", "* * 1-5", "1,15 */3 *", "*/2 * 1", "1-7 * */2", "* 2 7", "31 * *",
                                   "*/1 * 3", "29 2 *", "1-31 * 2"})
      expressions.push_back(time + " " + days);
  }
  for (const auto& e : expressions) text += e + " /bin/job\n";
  const auto made = imported(text);
  const auto s = loaded(made);
  EXPECT_EQ(made.left_out, 12U) << "three pairs of days that cron joins";
  ASSERT_EQ(s.jobs.size() + made.left_out, expressions.size());
  for (const auto& j : s.jobs) {
    const entry_of_cron cron{j.schedule_text};
    const auto times = cron.times();
    const std::chrono::sys_days begin{std::chrono::year{2027} / 1 / 1};
    wall_time last{begin - 1us};
    for (auto day = begin; day < begin + std::chrono::days{500}; day += std::chrono::days{1}) {
      if (!cron.runs_on(day)) continue;
      for (const auto time : times) {
        const auto next = j.schedule->next(last);
        ASSERT_TRUE(next && *next == wall_time{day + time}) << j.schedule_text << " at " << to_rfc3339(wall_time{day + time});
        last = *next;
      }
    }
  }
}

TEST_F(crontab, says_what_is_wrong_with_an_entry_and_where) {
  const auto made =
      imported("# x\n\n@reboot /bin/a\n1 2 3\n61 * * * * /bin/b\n* * * * *\n\xff * * * * /bin/c\nCRON_TZ=Mars\n* * * * * /bin/d\n");
  EXPECT_EQ(made.job_count, 0U);
  EXPECT_EQ(made.left_out, 6U);
  ASSERT_EQ(made.notes.size(), 6U);
  EXPECT_THAT(made.notes[0], testing::StartsWith("tab:3: left out: @reboot means nothing in a fleet"));
  EXPECT_THAT(made.notes[1], testing::StartsWith("tab:4: left out: it has 3 fields"));
  EXPECT_THAT(made.notes[2], testing::StartsWith("tab:5: left out: minute: 61 is out of range"));
  EXPECT_THAT(made.notes[3], testing::StartsWith("tab:6: left out: there is no command"));
  EXPECT_THAT(made.notes[4], testing::StartsWith("tab:7: left out: it is not valid UTF-8"));
  EXPECT_THAT(made.notes[5], testing::StartsWith("tab:9: left out: CRON_TZ: there is no time zone 'Mars'"));
  EXPECT_THAT(made.yaml, HasSubstr("jobs: {}\n"));
}

}  // namespace
}  // namespace baton::program
