// Rows 1 to 19: what a lock is called.
#include <span>

#include "conformance_fixture.hpp"

namespace baton::conformance {
namespace {

using lock::key_mode;
using lock::named_lock;
using ::testing::HasSubstr;

class conformance_keys : public conformance {
 protected:
  /// The server takes the key for a name of its own, and no other connection can have it meanwhile.
  static void expect_usable(const lock::key& k) {
    const auto one = session();
    const auto two = session();
    named_lock mine{*one, k};
    named_lock theirs{*two, k};
    EXPECT_TRUE(mine.acquire(lock::blocking::no)) << k.text();
    EXPECT_TRUE(theirs.acquire(lock::blocking::no).is_busy()) << k.text();
    ok(mine.release());
  }
  static errc refusal(const result<lock::key>& k) { return code_of(k); }
};
BATON_CONFORMANCE(conformance_keys);

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST_P(conformance_keys, r01_text_is_used_verbatim) {
  for (const auto* text : {"Nightly Job!", R"( !"#$%&'()*+,-./:;<=>?@[\]^_`{|}~)", "MiXeD cAsE  "}) expect_usable(key(text));
  const auto holder = session();
  named_lock lock{*holder, key("Verbatim Name")};
  ASSERT_TRUE(lock.acquire());
  EXPECT_EQ(holder_of("Verbatim Name"), holder->connection_id()) << "what any other client calls it";
  ok(lock.release());
}

TEST_P(conformance_keys, r02_numbers_are_written_in_decimal) {
  EXPECT_EQ(ok(lock::key::from(42)).text(), "42");
  EXPECT_EQ(ok(lock::key::from(-7)).text(), "-7");
  EXPECT_EQ(ok(lock::key::from(1.5)).text(), "1.5");
  expect_usable(ok(lock::key::from(std::numeric_limits<std::int64_t>::min())));
}

TEST_P(conformance_keys, r03_r04_bytes_are_utf8_or_refused) {
  const unsigned char good[]{'g', 0xc3, 0xbc};
  const unsigned char bad[]{'g', 0xfc};
  expect_usable(ok(lock::key::from(std::span{good})));
  EXPECT_EQ(refusal(lock::key::from(std::span{bad})), errc::invalid_key);
}

TEST_P(conformance_keys, r05_a_converter_makes_the_text) {
  struct order {
    int number;
  };
  const auto k = ok(lock::key::from(order{7}, [](const order& o) { return "order-" + std::to_string(o.number); }));
  EXPECT_EQ(k.text(), "order-7");
  expect_usable(k);
}

template <typename T>
concept makes_a_key = requires(const T& value) {
  lock::key::from(value);
};
TEST_P(conformance_keys, r06_r12_what_has_no_text_does_not_compile) {
  static_assert(makes_a_key<std::string> && makes_a_key<int>);
  static_assert(!makes_a_key<bool> && !makes_a_key<std::vector<int>> && !makes_a_key<void*> && !makes_a_key<std::nullptr_t>);
  EXPECT_EQ(refusal(lock::key::from(7, [](int) { return std::string{}; })), errc::invalid_key) << "a converter's text is checked too";
}

TEST_P(conformance_keys, r07_r08_r09_the_limit_is_64_code_points) {
  expect_usable(key(repeated("x", 64)));
  expect_usable(key(repeated("\xc3\xa9", 64)));
  expect_usable(key(repeated("\xe2\x82\xac", 64)));
  EXPECT_EQ(refusal(lock::key::from(repeated("x", 65))), errc::invalid_key);
}

TEST_P(conformance_keys, r10_r11_what_the_servers_would_mistake_is_refused) {
  EXPECT_EQ(refusal(lock::key::from("")), errc::invalid_key);
  EXPECT_EQ(refusal(lock::key::from(std::string_view{"x\0y", 3})), errc::invalid_key);
  EXPECT_EQ(refusal(lock::key::from("\xf0\x9f\x8f\x83")), errc::invalid_key);
}

TEST_P(conformance_keys, r13_portable_folds_case_and_exact_leaves_it_to_the_server) {
  const auto one = session();
  const auto two = session();
  named_lock upper{*one, key("Job", {key_mode::portable, {}})};
  named_lock lower{*two, key("job", {key_mode::portable, {}})};
  ASSERT_TRUE(upper.acquire());
  EXPECT_TRUE(lower.acquire(lock::blocking::no).is_busy());
  ok(upper.release());

  named_lock exact_upper{*one, key("Job")};
  named_lock exact_lower{*two, key("job")};
  ASSERT_TRUE(exact_upper.acquire());
  EXPECT_EQ(exact_lower.acquire(lock::blocking::no).is_busy(), !on_mariadb()) << "one lock on MySQL, two on MariaDB";
}

TEST_P(conformance_keys, r14_hashed_takes_any_text_and_keeps_case_apart) {
  expect_usable(key(repeated("any length ", 100), {key_mode::hashed, {}}));
  const auto one = session();
  const auto two = session();
  named_lock upper{*one, key("Job", {key_mode::hashed, {}})};
  named_lock lower{*two, key("job", {key_mode::hashed, {}})};
  ASSERT_TRUE(upper.acquire());
  EXPECT_TRUE(lower.acquire(lock::blocking::no)) << "two locks on both servers";
}

TEST_P(conformance_keys, r15_r16_the_prefix_is_part_of_the_name_that_the_server_knows) {
  const auto holder = session();
  const auto k = key("job", {key_mode::exact, "app:"});
  named_lock lock{*holder, k};
  EXPECT_EQ(lock.key().text(), "app:job");
  ASSERT_TRUE(lock.acquire());
  EXPECT_EQ(holder_of("app:job"), holder->connection_id());
  EXPECT_EQ(refusal(lock::key::from(repeated("x", 61), {key_mode::exact, "app:"})), errc::invalid_key);
}

TEST_P(conformance_keys, r17_s21_quotes_and_backslashes_inject_nothing_under_any_sql_mode) {
  const std::vector<std::string> odd{"o'clock", "back\\slash", "\\' OR 1 -- ", "%_\"`", "tab\there", "x'),SLEEP(9),('"};
  for (const auto* mode : {"", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"}) {
    sql("SET GLOBAL sql_mode='" + std::string{mode} + "'");
    for (const auto& name : odd) {
      const auto holder = session();
      named_lock lock{*holder, key(name)};
      ASSERT_TRUE(lock.acquire()) << name;
      std::string hex;
      for (const char c : name) hex += "0123456789abcdef"[(c >> 4) & 15], hex += "0123456789abcdef"[c & 15];
      EXPECT_EQ(sql("SELECT IS_USED_LOCK(_utf8mb4 x'" + hex + "')").front().front(), std::to_string(holder->connection_id())) << name;
      ok(lock.release());
    }
  }
  sql("SET GLOBAL sql_mode=DEFAULT");
}

TEST_P(conformance_keys, r18_r19_numeric_names_are_sent_as_utf8mb4_text) {
  expect_usable(ok(lock::key::from(123)));
  const auto holder = session();
  named_lock lock{*holder, key("gr\xc3\xbcn")};
  ASSERT_TRUE(lock.acquire());
  EXPECT_EQ(sql("SET NAMES utf8mb4; SELECT IS_USED_LOCK('gr\xc3\xbcn')").front().front(), std::to_string(holder->connection_id()));
}

}  // namespace
}  // namespace baton::conformance
