#include "baton/schedule/duration.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace baton::schedule {
namespace {

using namespace std::chrono_literals;

microseconds good(std::string_view text) {
  const auto made = parse_duration(text);
  if (const auto* error = std::get_if<syntax_error>(&made)) ADD_FAILURE() << text << ": " << error->message;
  return std::get<microseconds>(made);
}

std::string bad(std::string_view text) {
  const auto made = parse_duration(text);
  const auto* error = std::get_if<syntax_error>(&made);
  if (error == nullptr) return "accepted";
  EXPECT_LE(error->offset + error->length, text.size()) << text;
  return error->message;
}

TEST(duration, reads_numbers_with_units) {
  EXPECT_EQ(good("250ms"), 250ms);
  EXPECT_EQ(good("90s"), 90s);
  EXPECT_EQ(good("1h30m"), 90min);
  EXPECT_EQ(good("1.5h"), 90min);
  EXPECT_EQ(good("0.000001s"), 1us);
  EXPECT_EQ(good("0s"), 0s);
  EXPECT_EQ(good("30d"), 720h);
  EXPECT_EQ(good("36500d"), 36'500 * 24h);
}

TEST(duration, refuses_what_could_mean_two_things) {
  EXPECT_EQ(bad("30"), "a unit is missing after 30");
  EXPECT_EQ(bad("0"), "a unit is missing after 0");
  EXPECT_EQ(bad("1h30"), "a unit is missing after 30");
  EXPECT_EQ(bad(""), "a duration is expected, such as 30s");
  EXPECT_EQ(bad("-5s"), "a duration is not negative");
  EXPECT_EQ(bad("s"), "a duration is a number and a unit, such as 30s");
  EXPECT_EQ(bad("5 s"), "a unit is missing after 5");
  EXPECT_EQ(bad("5M"), "'M' is not a unit; there are us, ms, s, m, h, d");
  EXPECT_EQ(bad("5min"), "'min' is not a unit; there are us, ms, s, m, h, d");
  EXPECT_EQ(bad("5s1h"), "units go from large to small, each once");
  EXPECT_EQ(bad("5s5s"), "units go from large to small, each once");
  EXPECT_EQ(bad("1.s"), "digits are missing after the point");
  EXPECT_EQ(bad("0.5us"), "finer than a microsecond");
  EXPECT_EQ(bad("36501d"), "longer than 36500d");
  EXPECT_EQ(bad("36500d1us"), "longer than 36500d");
  EXPECT_EQ(bad("9999999999s"), "the number has more than 9 digits");
  EXPECT_EQ(bad("1.0000001s"), "the fraction has more than 6 digits");
  EXPECT_EQ(bad(std::string(10'000'000, '1')), "a duration of 10000000 bytes is too long");
}

TEST(duration, reads_back_what_it_prints) {
  EXPECT_EQ(duration_text(0us), "0s");
  EXPECT_EQ(duration_text(90min), "1h30m");
  EXPECT_EQ(duration_text(1500ms), "1s500ms");
  std::mt19937_64 random{7};
  for (int i = 0; i < 10'000; ++i) {
    const microseconds d{static_cast<std::int64_t>(random() >> (12 + i % 50))};
    if (d > 36'500 * 24h) continue;
    ASSERT_EQ(good(duration_text(d)), d) << duration_text(d);
  }
}

}  // namespace
}  // namespace baton::schedule
