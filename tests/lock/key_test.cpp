#include "baton/lock/key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <set>

namespace baton::lock {
namespace {

using ::testing::HasSubstr;

std::string text_of(const result<key>& k) { return k ? k->text() : "refused: " + k.error().context; }
std::string why_not(const result<key>& k) {
  EXPECT_FALSE(k) << k->text();
  if (k) return "";
  EXPECT_EQ(k.error().code, errc::invalid_key);
  return k.error().context;
}
std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

constexpr key_options portable{key_mode::portable, {}};
constexpr key_options hashed{key_mode::hashed, {}};

TEST(key, takes_text_verbatim_upper_case_spaces_and_punctuation) {
  EXPECT_EQ(text_of(key::from("Nightly Job!")), "Nightly Job!");
  EXPECT_EQ(text_of(key::from(R"( !"#$%&'()*+,-./:;<=>?@[\]^_`{|}~)")), R"( !"#$%&'()*+,-./:;<=>?@[\]^_`{|}~)");
  EXPECT_EQ(text_of(key::from(std::string{"Gr\xc3\xbc\xc3\x9f"
                                          "e"})),
            "Gr\xc3\xbc\xc3\x9f"
            "e");
}

TEST(key, writes_numbers_as_the_seed_does) {
  EXPECT_EQ(text_of(key::from(42)), "42");
  EXPECT_EQ(text_of(key::from(-7L)), "-7");
  EXPECT_EQ(text_of(key::from(std::numeric_limits<std::int64_t>::min())), "-9223372036854775808");
  EXPECT_EQ(text_of(key::from(std::numeric_limits<std::uint64_t>::max())), "18446744073709551615");
  EXPECT_EQ(text_of(key::from(std::uint8_t{65})), "65");
  // Golden: repr() of Python 3.11.
  EXPECT_EQ(text_of(key::from(1.5)), "1.5");
  EXPECT_EQ(text_of(key::from(2.0)), "2.0");
  EXPECT_EQ(text_of(key::from(-0.0)), "-0.0");
  EXPECT_EQ(text_of(key::from(0.1)), "0.1");
  EXPECT_EQ(text_of(key::from(1e-7)), "1e-07");
  EXPECT_EQ(text_of(key::from(0.0001)), "0.0001");
  EXPECT_EQ(text_of(key::from(0.00001234)), "1.234e-05");
  EXPECT_EQ(text_of(key::from(1e15)), "1000000000000000.0");
  EXPECT_EQ(text_of(key::from(1e16)), "1e+16");
  EXPECT_EQ(text_of(key::from(1.7976931348623157e308)), "1.7976931348623157e+308");
  EXPECT_EQ(text_of(key::from(5e-324)), "5e-324");
  EXPECT_EQ(text_of(key::from(std::numeric_limits<double>::infinity())), "inf");
  EXPECT_EQ(text_of(key::from(0.5F)), "0.5");
}

TEST(key, reads_bytes_as_utf8) {
  const std::array<unsigned char, 3> bytes{'a', 0xc3, 0xa4};
  EXPECT_EQ(text_of(key::from(std::span{bytes})), "a\xc3\xa4");
  EXPECT_EQ(text_of(key::from(std::as_bytes(std::span{bytes}))), "a\xc3\xa4");
}

TEST(key, refuses_bytes_that_are_not_utf8) {
  const std::array<unsigned char, 2> bytes{'a', 0xff};
  EXPECT_THAT(why_not(key::from(std::span{bytes})), HasSubstr("is not UTF-8 at byte 2"));
  EXPECT_THAT(why_not(key::from("\xc3")), HasSubstr("UTF-8"));
}

struct account {
  int number;
};

TEST(key, takes_what_a_converter_makes_of_any_type) {
  EXPECT_EQ(text_of(key::from(account{7}, [](const account& a) { return "account-" + std::to_string(a.number); })), "account-7");
  EXPECT_EQ(text_of(key::from(7, [](int) { return "seven"; }, {key_mode::portable, "T:"})), "t:seven");
}

template <typename T>
concept makes_a_key = requires(const T& value) {
  key::from(value);
};

TEST(key, compiles_for_no_type_that_has_no_text) {
  static_assert(makes_a_key<std::string> && makes_a_key<const char*> && makes_a_key<int> && makes_a_key<double>);
  static_assert(!makes_a_key<bool> && !makes_a_key<char> && !makes_a_key<char8_t> && !makes_a_key<account> && !makes_a_key<void*>);
  static_assert(!makes_a_key<std::set<int>> && !makes_a_key<std::nullptr_t>);
}

TEST(key, counts_64_code_points_on_both_servers) {
  EXPECT_EQ(text_of(key::from(repeated("x", 64))), repeated("x", 64));
  EXPECT_THAT(why_not(key::from(repeated("x", 65))), HasSubstr("has 65 characters and the servers take 64"));
  EXPECT_EQ(text_of(key::from(repeated("\xc3\xa9", 64))), repeated("\xc3\xa9", 64));
  EXPECT_THAT(why_not(key::from(repeated("\xc3\xa9", 65))), HasSubstr("65 characters"));
}

TEST(key, refuses_what_a_server_would_take_for_another_name) {
  EXPECT_THAT(why_not(key::from("")), HasSubstr("is empty"));
  EXPECT_THAT(why_not(key::from(std::string_view{"x\0y", 3})), HasSubstr("NUL at byte 2"));
  EXPECT_THAT(why_not(key::from("run \xf0\x9f\x8f\x83")), HasSubstr("beyond U+FFFF at byte 5"));
}

TEST(key, folds_ascii_in_portable_mode_and_refuses_other_letters) {
  EXPECT_EQ(text_of(key::from("Job", portable)), text_of(key::from("job", portable)));
  EXPECT_NE(text_of(key::from("Job")), text_of(key::from("job"))) << "exact is verbatim";
  EXPECT_THAT(why_not(key::from("Gr\xc3\xbc\xc3\x9f", portable)), HasSubstr("not ASCII at byte 3"));
}

// Golden: a change lets two releases believe that each holds the lock. The hashes were computed by Python's hashlib.
TEST(key, never_changes_in_hashed_mode) {
  EXPECT_EQ(text_of(key::from("app:orders:42", hashed)), "app:orders:42");
  EXPECT_EQ(text_of(key::from("job", hashed)), "job");
  EXPECT_EQ(text_of(key::from("Job", hashed)), "job#vvqxud65k7r7johlwj7w6ychbp");
  EXPECT_EQ(text_of(key::from("", hashed)), "#4oymiquy7qobjgx36tejs35zeq");
  EXPECT_EQ(text_of(key::from(repeated("x", 65), hashed)), repeated("x", 37) + "#su34l7prebec67ky2jpj5vmd6u");
  EXPECT_EQ(text_of(key::from(std::string_view{"a\0b\xff", 4}, hashed)), "a_b_#un6mgatkvzgvdhqldhbjr6urhn");
}

TEST(key, keeps_any_two_texts_apart_in_hashed_mode) {
  std::set<std::string> seen;
  for (const std::string text : {"", "a", "A", "a ", "a#b", "a_b", "a:b", "\xc3\xa9", "e", "\xff"}) {
    for (const int times : {1, 40, 70, 300}) {
      const auto name = text_of(key::from(repeated(text, times), hashed));
      EXPECT_LE(name.size(), 64U);
      const bool is_repeated_empty = text.empty() && times > 1;
      EXPECT_EQ(seen.insert(name).second, !is_repeated_empty) << name;
    }
  }
  const auto shortened = text_of(key::from("Job", hashed));
  EXPECT_NE(text_of(key::from(shortened, hashed)), shortened) << "a literal that looks like a hashed one is hashed itself";
}

TEST(key, puts_the_prefix_before_the_length_is_looked_at) {
  EXPECT_EQ(text_of(key::from("job", {key_mode::exact, "App:"})), "App:job");
  EXPECT_EQ(text_of(key::from(7, {key_mode::portable, "App:"})), "app:7");
  EXPECT_THAT(why_not(key::from(repeated("x", 64), {key_mode::exact, "a"})), HasSubstr("65 characters"));
  EXPECT_EQ(text_of(key::from(repeated("X", 64), {key_mode::hashed, "app:"})).substr(0, 10), "app:xxxxxx");
}

TEST(key, tells_the_name_that_the_server_knows) {
  EXPECT_EQ(key::from("Job", portable)->text(), "job");
  EXPECT_EQ(*key::from("a"), *key::from(std::string{"a"}));
}

TEST(key, shows_a_bounded_printable_text_in_its_errors) {
  const auto why = why_not(key::from(repeated("\xff", 100000)));
  EXPECT_LT(why.size(), 500U);
}

}  // namespace
}  // namespace baton::lock
