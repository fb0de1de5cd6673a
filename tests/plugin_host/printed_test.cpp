#include "printed.hpp"

#include <gtest/gtest.h>

namespace {

using namespace baton::plugin_host;

TEST(printed, replaces_what_is_not_utf8) {
  EXPECT_EQ(valid_utf8("a\xff"
                       "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(valid_utf8("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80"), "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(valid_utf8("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");  // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80").size(), 9U);               // a surrogate
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80").size(), 12U);          // above the last character
  EXPECT_EQ(valid_utf8("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD");  // cut off
}

TEST(printed, keeps_the_end_and_cuts_no_character) {
  printed p;
  for (int i = 0; i < 100'000; ++i) p.append("\xE2\x82\xAC");
  const auto text = p.text();
  EXPECT_LE(text.size(), max_printed);
  EXPECT_GT(text.size(), max_printed - 3);
  EXPECT_EQ(valid_utf8(text), text);
  EXPECT_EQ(text.find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(printed, stays_within_its_limit_when_everything_is_replaced) {
  printed p;
  p.append(std::string(10 * max_printed, '\xff'));
  EXPECT_LE(p.text().size(), max_printed);
  EXPECT_LE(head(std::string(10 * max_printed, '\xff')).size(), max_printed);
}

TEST(printed, cuts_a_beginning_between_characters) {
  EXPECT_EQ(head("\xE2\x82\xAC\xE2\x82\xAC", 6), "\xE2\x82\xAC\xE2\x82\xAC");
  EXPECT_LE(head("\xE2\x82\xAC\xE2\x82\xAC", 5).size(), 5U);
  EXPECT_EQ(head("\xF0\x9F\x98\x80\xF0\x9F\x98\x80", 7), "\xF0\x9F\x98\x80");  // not what stands for a broken one
  EXPECT_EQ(head("\xF0\x9F\x98\x80", 3), "");
  EXPECT_EQ(head("abc", 2), "ab");
}

}  // namespace
