#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "baton/schedule/timetable.hpp"

namespace baton::schedule {
namespace {

struct refusal {
  const char* text;
  const char* message;
  std::size_t offset;
  std::size_t length;
};

std::ostream& operator<<(std::ostream& out, const refusal& r) { return out << '"' << r.text << '"'; }

class cron_text_refusals : public testing::TestWithParam<refusal> {};

TEST_P(cron_text_refusals, names_field_value_range_and_place) {
  const auto& want = GetParam();
  const auto made = timetable::from_cron(want.text, zone::utc(), "job");
  const auto* error = std::get_if<syntax_error>(&made);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->message, want.message);
  EXPECT_EQ(error->offset, want.offset);
  EXPECT_EQ(error->length, want.length);
}

constexpr refusal refusals[] = {
    {"0 0 32 * *", "day-of-month: 32 is out of range 1-31", 4, 2},
    {"0 0 0 * *", "day-of-month: 0 is out of range 1-31; the last day is L", 4, 1},
    {"60 * * * *", "minute: 60 is out of range 0-59; write 0", 0, 2},
    {"0 24 * * *", "hour: 24 is out of range 0-23; write 0", 2, 2},
    {"0 0 * 13 *", "month: 13 is out of range 1-12", 6, 2},
    {"0 0 * * 8", "day-of-week: 8 is out of range 0-7", 8, 1},
    {"60 0 0 * * *", "second: 60 is out of range 0-59; write 0", 0, 2},
    {"4294967296 * * * *", "minute: a number of 10 digits is out of range 0-59", 0, 10},
    {"0 0 99999999999999999999 * *", "day-of-month: a number of 20 digits is out of range 1-31", 4, 20},
    {"*/0 * * * *", "minute: a step of 0 never moves; it is at least 1", 2, 1},
    {"*/60 * * * *", "minute: a step of 60 is larger than the field's span: 0-59 allows steps 1-59", 2, 2},
    {"0 */24 * * *", "hour: a step of 24 is larger than the field's span: 0-23 allows steps 1-23", 4, 2},
    {"0 0 * * */7", "day-of-week: a step of 7 is larger than the field's span: 0-6 allows steps 1-6", 10, 1},
    {"*/4294967297 * * * *", "minute: a step of 10 digits is larger than the field's span: 0-59 allows steps 1-59", 2, 10},
    {"1-0 * * * *", "minute: the range 1-0 is reversed; write 1-59,0", 0, 3},
    {"0 22-5 * * *", "hour: the range 22-5 is reversed; write 22-23,0-5", 2, 4},
    {"0 0 * * fri-mon", "day-of-week: the range fri-mon is reversed; write 5-6,0-1", 8, 7},
    {"0 0 * nov-feb *", "month: the range nov-feb is reversed; write 11-12,1-2", 6, 7},
    {"0 0 * * 7-1", "day-of-week: the range 7-1 is reversed; write 7,0-1", 8, 3},
    {"1,,2 * * * *", "minute: an item of the list is empty", 2, 1},
    {",1 * * * *", "minute: an item of the list is empty", 0, 1},
    {"1, * * * *", "minute: an item of the list is empty", 1, 1},
    {"5- * * * *", "minute: a value is missing after '-'", 1, 1},
    {"*/ * * * *", "minute: a number is missing after '/'", 1, 1},
    {"+5 * * * *", "minute: unexpected '+'; a value in 0-59 is expected", 0, 1},
    {"-5 * * * *", "minute: unexpected '-'; a value in 0-59 is expected", 0, 1},
    {"5* * * * *", "minute: unexpected '*' after '5'", 1, 1},
    {"1/2/3 * * * *", "minute: unexpected '/3' after '1/2'", 3, 2},
    {"1-2-3 * * * *", "minute: unexpected '-3' after '1-2'", 3, 2},
    {"? * * * *", "minute: '?' is only for the two day fields; write *", 0, 1},
    {"0 0 1,? * *", "day-of-month: '?' stands alone", 6, 1},
    {"0 0 * january *", "month: 'january' is not a name; write jan", 6, 7},
    {"0 0 * * mondays", "day-of-week: 'mondays' is not a name; write mon", 8, 7},
    {"0 0 * jan1 *", "month: 'jan1' is not a name; write jan", 6, 4},
    {"0 0 * mon *", "month: 'mon' belongs to the day-of-week field; did you mean `0 0 * * mon`?", 6, 3},
    {"0 jan * * *", "hour: 'jan' belongs to the month field", 2, 3},
    {"0 0 * foo *", "month: 'foo' is neither a number in 1-12 nor a name such as feb", 6, 3},
    {"0 5x * * *", "hour: '5x' is neither a number in 0-23", 2, 2},
    {"0 0 mon * *", "day-of-month: 'mon' belongs to the day-of-week field; did you mean `0 0 * * mon`?", 4, 3},
    {"0 0 5L * *", "day-of-month: '5L' belongs to the day-of-week field; did you mean `0 0 * * 5L`?", 4, 2},
    {"0 0 5#3 * ?", "day-of-month: '5#3' belongs to the day-of-week field; did you mean `0 0 * * 5#3`?", 4, 3},
    {"0 0 5#3 * 1", "day-of-month: '5#3' belongs to the day-of-week field", 4, 3},
    {"0 0 * * 15W", "day-of-week: '15W' belongs to the day-of-month field; did you mean `0 0 15W * *`?", 8, 3},
    {"0 0 * * LW", "day-of-week: 'LW' belongs to the day-of-month field; did you mean `0 0 LW * *`?", 8, 2},
    {"0 0 * * L", "day-of-week: L needs a weekday: 5L is the month's last Friday; for Saturdays write 6", 8, 1},
    {"0 0 * * 8L", "day-of-week: '8L' is no last weekday; write 5L or friL", 8, 2},
    {"0 0 * * 5#6", "day-of-week: after '#' comes a week, 1-5", 9, 2},
    {"0 0 * * 5#", "day-of-week: after '#' comes a week, 1-5", 9, 1},
    {"0 0 * * #1", "day-of-week: a weekday is missing before '#'", 8, 2},
    {"0 0 L-31 * *", "day-of-month: 31 is out of range 1-30 after L-", 6, 2},
    {"0 0 L-0 * *", "day-of-month: 0 is out of range 1-30 after L-", 6, 1},
    {"0 0 L-3W * *", "day-of-month: 'L-3W' is none of L, L-3, LW and 15W", 4, 4},
    {"0 0 32W * *", "day-of-month: 32 is out of range 1-31 before W", 4, 2},
    {"0 0 1-5W * *", "day-of-month: '1-5W' is none of L, L-3, LW and 15W", 4, 4},
    // Each of the two day fields says that it belongs to the other one: found by the fuzzer, as endless recursion.
    {"0 0 * * 5W#W", "day-of-week: '5W' belongs to the day-of-month field", 8, 2},
    {"0 L * * *", "hour: 'L' belongs to the day-of-month field", 2, 1},
    {"H(5-3) * * * *", "minute: the range 5-3 is reversed", 2, 3},
    {"0 22-5/2 * * *", "hour: the range 22-5 is reversed", 2, 4},
    {"0 0 0 1 1 * 2030-2027", "year: the range 2030-2027 is reversed; write 2027-2030", 12, 9},
    {"H(5-5)/1 * * * *", "minute: a step needs more than one value to go over", 7, 1},
    {"0 now * * *", "hour: 'now' is neither a number in 0-23", 2, 3},
    {"0 0 april * *", "day-of-month: 'april' is neither a number in 1-31", 4, 5},
    {"H(0-29 * * * *", "minute: ')' is missing after 'H(0-29'", 0, 6},
    {"H/60 * * * *", "minute: a step of 60 is larger than the field's span: 0-59 allows steps 1-59", 2, 2},
    {"H(0-9)/10 * * * *", "minute: a step of 10 is larger than the field's span: 0-9 allows steps 1-9", 7, 2},
    {"0 0 0 1 1 * H", "year: H has no place in the year", 12, 1},
    {"0 0 0 1 1 * 1969", "year: 1969 is out of range 1970-2199", 12, 4},
    {"0 0 0 29 2 ? 2100", "the expression is valid but can never fire: there is no such day in the years 2100", 6, 11},
    {"0 0 0 1 1 * 2030 x", "there are 8 fields; seven are the most: second minute hour day-of-month month day-of-week year", 17, 1},
    {"0 0 L-30 2 *", "the expression is valid but can never fire: day-of-month L-30 does not exist in month 2", 4, 6},
    {"0 0 31W 2,4 *", "the expression is valid but can never fire: day-of-month 31W does not exist in month 2,4", 4, 7},
    {"0 0 * *",
     "there are 4 fields; five are expected (minute hour day-of-month month day-of-week), six with seconds in front, or seven with a year "
     "at the end",
     0, 7},
    {"", "the expression is empty; write five fields, such as 0 2 * * *", 0, 0},
    {" \t ", "the expression is empty; write five fields, such as 0 2 * * *", 0, 3},
    {"@reboot", "@reboot means nothing in a fleet: which of its machines and starts would count? Use a cron expression or @every 90s", 0,
     7},
    {"@dayly", "@dayly is not a schedule; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @every 90s", 0,
     6},
    {"@daily /usr/bin/backup", "unexpected '/usr/bin/backup' after @daily", 7, 15},
    {"@every", "a duration is missing after @every; write @every 90s", 0, 6},
    {"@every 90", "@every: a unit is missing after 90", 7, 2},
    {"@every 1.5x", "@every: 'x' is not a unit; there are us, ms, s, m, h, d", 10, 1},
    {"@every 0.5s", "every: 500ms is shorter than 1s", 7, 4},
    {"TZ=UTC 0 2 * * *", "a time zone is not part of the expression; it has a key of its own", 0, 6},
    {"0 0 30 2 *", "the expression is valid but can never fire: day-of-month 30 does not exist in month 2", 4, 4},
    {"0 0 31 4,6,9,11 ?", "the expression is valid but can never fire: day-of-month 31 does not exist in month 4,6,9,11", 4, 11},
    {"0 2 * * \xc3\xa4", "byte 0xc3 has no place in a cron expression", 8, 1},
    {"0 2 * * *\n", "byte 0x0a has no place in a cron expression", 9, 1},
};

INSTANTIATE_TEST_SUITE_P(cron_text, cron_text_refusals, testing::ValuesIn(refusals));

TEST(cron_text, refuses_a_byte_of_zero_where_it_stands) {
  const auto made = timetable::from_cron(std::string_view{"0 2 * * *\0 1", 12});
  const auto* error = std::get_if<syntax_error>(&made);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->offset, 9U);
}

TEST(cron_text, refuses_ten_megabytes_without_reading_them) {
  // Only the first page can be read; whoever goes further ends the test.
  constexpr std::size_t size = 10'000'000;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* text = static_cast<char*>(memory);
  ASSERT_EQ(::mprotect(text + 4096, size - 4096, PROT_NONE), 0);
  for (const char c : {'1', '*', ',', ' ', '/', '@'}) {
    std::fill_n(text, 4096, c);
    EXPECT_TRUE(std::holds_alternative<syntax_error>(timetable::from_cron({text, size}))) << c;
  }
  ::munmap(memory, size);
}

TEST(cron_text, asks_for_a_job_where_h_stands_for_one) {
  const auto made = timetable::from_cron("H * * * *");
  ASSERT_TRUE(std::holds_alternative<syntax_error>(made));
  EXPECT_EQ(std::get<syntax_error>(made).message,
            "minute: H stands for a value that follows from the job's name, and there is no job here");
}

TEST(cron_text, spreads_jobs_by_the_hash_of_their_names) {
  const auto text = [](std::string_view expression, std::string_view job) {
    return std::get<timetable>(timetable::from_cron(expression, zone::utc(), job)).text();
  };
  // Golden: a release that changes these moves the ticks of every such job.
  EXPECT_EQ(text("H H * * *", "nightly-rollup"), "56 18 * * *");
  EXPECT_EQ(text("H(0-29)/10 H(1-5) H * *", "nightly-rollup"), "6-26/10 3 24 * *");
  EXPECT_EQ(text("H/15 * * * *", "nightly-rollup"), "11/15 * * * *");
  EXPECT_EQ(text("H H H H H H", "payroll"), "57 21 8 5 5 1");
  std::map<std::string, int> minutes;
  for (int i = 0; i < 6000; ++i) ++minutes[text("H * * * *", "job-" + std::to_string(i))];
  EXPECT_EQ(minutes.size(), 60U);
  for (const auto& [minute, jobs] : minutes) EXPECT_NEAR(jobs, 100, 50) << minute;
}

TEST(cron_text, accepts_what_it_prints_and_survives_what_it_does_not_know) {
  std::mt19937_64 random{99};
  constexpr std::string_view alphabet = "0123456789*/-,?  \tLW#H()@jansun";
  const auto pick = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>{0, below - 1}(random); };
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text = i % 2 == 0 ? i % 6 == 0 ? "H(0-29)/10 1-3 L-2,15W,LW * 5L,1#2 2030" : "*/5 1-3 1,15 * mon-fri" : "";
    for (auto n = i % 2 == 0 ? 1 + pick(3) : pick(25); n > 0; --n) {
      const char c = alphabet[pick(alphabet.size())];
      if (i % 4 == 0) {
        text[pick(text.size())] = c;
      } else {
        text.insert(pick(text.size() + 1), 1, c);
      }
    }
    const auto made = timetable::from_cron(text, zone::utc(), "job");
    if (const auto* error = std::get_if<syntax_error>(&made)) {
      ASSERT_LE(error->offset + error->length, text.size()) << '"' << text << '"';
      continue;
    }
    ++accepted;
    const auto& t = std::get<timetable>(made);
    const auto again = timetable::from_cron(t.text());
    ASSERT_TRUE(std::holds_alternative<timetable>(again)) << '"' << text << "\" became \"" << t.text() << '"';
    ASSERT_EQ(std::get<timetable>(again), t);
    ASSERT_EQ(std::get<timetable>(again).next(wall_time{}), t.next(wall_time{})) << '"' << text << '"';
  }
  EXPECT_GT(accepted, 1500);
}

}  // namespace
}  // namespace baton::schedule
