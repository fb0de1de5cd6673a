#include "log_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baton::observe {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const wall_time noon{std::chrono::microseconds{1'795'348'800'000'001}};

log_record record(std::string_view message, std::vector<log_field> fields = {}) {
  return make_record(noon, log_level::info, message, fields);
}
std::string text(std::string_view message, std::vector<log_field> fields = {}) {
  return to_text_line(record(message, std::move(fields)), colouring::off);
}

TEST(log_lines, text_has_time_level_message_and_fields) {
  EXPECT_EQ(text("run ended", {{"job", "nightly-rollup"}, {"outcome", "success"}, {"took", "1.5s"}}),
            to_rfc3339(noon) + " info run ended job=nightly-rollup outcome=success took=1.5s");
}

TEST(log_lines, text_quotes_what_would_not_read_as_one_value) {
  EXPECT_THAT(text("m", {{"a", ""}, {"b", "x y"}, {"c", "k=v"}, {"d", "say \"hi\" \\"}}),
              EndsWith(R"(m a="" b="x y" c="k=v" d="say \"hi\" \\")"));
}

TEST(log_lines, no_value_forges_a_second_line_in_any_format) {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  every += "\xC2\x85\xE2\x80\xA8\xE2\x80\xAE";  // next line, line separator, right-to-left override
  const auto forged = record("message\nforged: " + every, {{"key\nforged " + every.substr(0, 20), every}});
  for (const auto& line : {to_text_line(forged, colouring::off), to_json_line(forged)}) {
    for (const char c : line) EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7F) << static_cast<int>(c);
    EXPECT_THAT(line, Not(HasSubstr("\xC2\x85")));
    EXPECT_THAT(line, Not(HasSubstr("\xE2\x80\xA8")));
    EXPECT_THAT(line, Not(HasSubstr("\xE2\x80\xAE")));
    EXPECT_THAT(line, HasSubstr(R"(\u2028)"));
  }
}

TEST(log_lines, json_is_one_object_and_keeps_its_own_keys) {
  EXPECT_EQ(to_json_line(record("m", {{"time", "x"}, {"Job-Name", "a\nb"}, {"n", "1"}, {"n", "2"}})),
            R"({"time":")" + to_rfc3339(noon) + R"(","level":"info","message":"m","field_time":"x","job_name":"a\nb","n":"1"})");
}

TEST(log_lines, cuts_long_values_between_characters) {
  std::string long_value(log_limits::value - 1, 'x');
  const auto cut = record("m", {{"v", long_value + "\xE2\x82\xAC" + "tail"}});
  EXPECT_EQ(cut.fields[0].second, long_value + "\xE2\x80\xA6") << "the euro sign does not fit whole, so it is left out whole";
  const auto exact = record("m", {{"v", long_value + "z"}});
  EXPECT_EQ(exact.fields[0].second, long_value + "z");
  const auto fits = record("m", {{"v", std::string(log_limits::value - 3, 'x') + "\xE2\x82\xAC" + "tail"}});
  EXPECT_THAT(fits.fields[0].second, EndsWith("x\xE2\x82\xAC\xE2\x80\xA6"));
}

TEST(log_lines, bounds_a_whole_message_and_says_so) {
  std::vector<log_field> fields(100, {"v", std::string(100'000, '\xFF')});
  const auto bounded = make_record(noon, log_level::info, std::string(100'000, 'm'), fields);
  EXPECT_LT(to_text_line(bounded, colouring::off).size(), 200'000U);
  EXPECT_LT(to_journal_datagram(bounded).size(), 200'000U) << "must fit a datagram";
  EXPECT_EQ(bounded.fields.back().first, "fields_dropped");
}

TEST(log_lines, colours_the_level_alone) {
  EXPECT_EQ(to_text_line(record("m"), colouring::on), to_rfc3339(noon) + " \x1b[32minfo\x1b[0m m");
}

TEST(log_lines, journal_datagram_has_fields_by_their_known_names) {
  const auto datagram = to_journal_datagram(
      record("run ended", {{"job", "a"}, {"run", "17"}, {"outcome", "success"}, {"_pid", "1"}, {"priority", "0"}, {"9", "x"}}));
  EXPECT_EQ(datagram,
            "MESSAGE=run ended job=a run=17 outcome=success _pid=1 priority=0 9=x\nPRIORITY=6\nSYSLOG_IDENTIFIER=baton\n"
            "JOB_NAME=a\nRUN_ID=17\nOUTCOME=success\nFIELD__PID=1\nFIELD_PRIORITY=0\nFIELD_9=x\n");
}

TEST(log_lines, journal_datagram_frames_a_value_with_line_ends_by_its_length) {
  const auto datagram = to_journal_datagram(record("m", {{"error", "a\nPRIORITY=0"}}));
  using namespace std::string_literals;
  EXPECT_THAT(datagram, EndsWith("ERROR\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n"s));
  EXPECT_THAT(datagram, HasSubstr(R"(MESSAGE=m error="a\nPRIORITY=0")"));
}

TEST(log_lines, automatic_is_the_journal_only_where_stderr_is_its_stream) {
  const auto chosen = [](std::string_view stream, bool terminal) {
    return choose_format(log_format::automatic, {stream, 8, 1234, terminal});
  };
  EXPECT_EQ(chosen("8:1234", false), log_format::journald);
  EXPECT_EQ(chosen("8:1234", true), log_format::journald);
  for (const auto* other : {"", "8:1235", "9:1234", "8:12345", "8:1234x", "8", ":", "8:", "x:1234"}) {
    EXPECT_EQ(chosen(other, false), log_format::json) << other;
    EXPECT_EQ(chosen(other, true), log_format::text) << other;
  }
  EXPECT_EQ(choose_format(log_format::text, {"8:1234", 8, 1234, false}), log_format::text);
}

}  // namespace
}  // namespace baton::observe
