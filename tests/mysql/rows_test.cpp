#include "rows.hpp"

#include <gtest/gtest.h>

namespace baton::mysql {
namespace {

TEST(storable, keeps_valid_utf8_as_it_is) {
  const std::string text{"a\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x8f\x83", 11};
  EXPECT_EQ(storable(text, 100, keep::first), text);
}

TEST(storable, replaces_what_is_not_utf8) {
  EXPECT_EQ(storable("a\xff"
                     "b",
                     100, keep::first),
            "a?b");
  EXPECT_EQ(storable("\xc3", 100, keep::first), "?");
  EXPECT_EQ(storable("\xc0\xaf", 100, keep::first), "??") << "overlong";
  EXPECT_EQ(storable("\xe0\x80\x80", 100, keep::first), "???") << "overlong";
  EXPECT_EQ(storable("\xed\xa0\x80", 100, keep::first), "???") << "a surrogate";
  EXPECT_EQ(storable("\xf4\x90\x80\x80", 100, keep::first), "????") << "beyond Unicode";
}

TEST(storable, cuts_at_a_character) {
  EXPECT_EQ(storable("ab\xc3\xa9", 3, keep::first), "ab");
  EXPECT_EQ(storable("\xc3\xa9"
                     "ab",
                     3, keep::last),
            "ab");
  EXPECT_EQ(storable("abcdef", 3, keep::first), "abc");
  EXPECT_EQ(storable("abcdef", 3, keep::last), "def");
}

}  // namespace
}  // namespace baton::mysql
