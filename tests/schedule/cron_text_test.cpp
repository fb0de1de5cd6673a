#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
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
  const auto made = timetable::from_cron(want.text);
  const auto* error = std::get_if<syntax_error>(&made);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->message, want.message);
  EXPECT_EQ(error->offset, want.offset);
  EXPECT_EQ(error->length, want.length);
}

constexpr refusal refusals[] = {
    {"0 0 32 * *", "day-of-month: 32 is out of range 1-31", 4, 2},
    {"0 0 0 * *", "day-of-month: 0 is out of range 1-31", 4, 1},
    {"60 * * * *", "minute: 60 is out of range 0-59", 0, 2},
    {"0 24 * * *", "hour: 24 is out of range 0-23", 2, 2},
    {"0 0 * 13 *", "month: 13 is out of range 1-12", 6, 2},
    {"0 0 * * 8", "day-of-week: 8 is out of range 0-7", 8, 1},
    {"60 0 0 * * *", "second: 60 is out of range 0-59", 0, 2},
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
    {"0 0 * mon *", "month: 'mon' belongs to the day-of-week field", 6, 3},
    {"0 jan * * *", "hour: 'jan' belongs to the month field", 2, 3},
    {"0 0 * foo *", "month: 'foo' is neither a number in 1-12 nor a name such as feb", 6, 3},
    {"0 5x * * *", "hour: '5x' is neither a number in 0-23", 2, 2},
    {"0 0 L * *", "day-of-month: 'L' is not supported in this release", 4, 1},
    {"0 0 15W * *", "day-of-month: '15W' is not supported in this release", 4, 3},
    {"0 0 LW * *", "day-of-month: 'LW' is not supported in this release", 4, 2},
    {"0 0 * * 5L", "day-of-week: '5L' is not supported in this release", 8, 2},
    {"0 0 * * 5#2", "day-of-week: '#' is not supported in this release", 9, 2},
    {"H * * * *", "minute: 'H' is not supported in this release", 0, 1},
    {"0 0 0 1 1 * 2030", "there are 7 fields; a year is not supported in this release, and six fields are the most", 12, 4},
    {"0 0 * *", "there are 4 fields; five are expected (minute hour day-of-month month day-of-week), or six with seconds in front", 0, 7},
    {"", "the expression is empty; write five fields, such as 0 2 * * *", 0, 0},
    {" \t ", "the expression is empty; write five fields, such as 0 2 * * *", 0, 3},
    {"@reboot", "@reboot means nothing in a fleet; use a cron expression or @every 90s", 0, 7},
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

TEST(cron_text, accepts_what_it_prints_and_survives_what_it_does_not_know) {
  std::mt19937_64 random{99};
  constexpr std::string_view alphabet = "0123456789*/-,?  \tLW#H@jansun";
  const auto pick = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>{0, below - 1}(random); };
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text = i % 2 == 0 ? "*/5 1-3 1,15 * mon-fri" : "";
    for (auto n = i % 2 == 0 ? 1 + pick(3) : pick(25); n > 0; --n) {
      const char c = alphabet[pick(alphabet.size())];
      if (i % 4 == 0) {
        text[pick(text.size())] = c;
      } else {
        text.insert(pick(text.size() + 1), 1, c);
      }
    }
    const auto made = timetable::from_cron(text);
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
  EXPECT_GT(accepted, 2000);
}

}  // namespace
}  // namespace baton::schedule
