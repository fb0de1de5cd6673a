#include "baton/base/utf8.hpp"

#include <gtest/gtest.h>

namespace baton {
namespace {

const std::string replacement = "\xEF\xBF\xBD";

TEST(utf8, keeps_well_formed_text) {
  const std::string text = "a \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80";
  EXPECT_EQ(valid_utf8(text), text);
}

TEST(utf8, replaces_each_byte_that_is_not_utf8) {
  EXPECT_EQ(valid_utf8("a\xFFz"), "a" + replacement + "z");
  EXPECT_EQ(valid_utf8("\x80\xBF"), replacement + replacement);
  EXPECT_EQ(valid_utf8("\xE2\x82"), replacement + replacement) << "cut off";
  EXPECT_EQ(valid_utf8("\xC3("), replacement + "(") << "the byte after a broken lead is kept";
}

TEST(utf8, refuses_overlong_forms_surrogates_and_what_lies_beyond_unicode) {
  for (const auto* bad : {"\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80"}) {
    EXPECT_FALSE(first_code_point(bad).well_formed);
  }
  EXPECT_EQ(first_code_point("\xF4\x8F\xBF\xBF").value, char32_t{0x10FFFF});
  EXPECT_EQ(first_code_point("\xED\x9F\xBF").value, char32_t{0xD7FF});
}

TEST(utf8, decodes_every_code_point_as_it_was_encoded) {
  for (char32_t c = 1; c <= 0x10FFFF; c += (c < 0x3000 ? 1 : 97)) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    const auto put = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xC0 | (c >> 6)), put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      put(0xE0 | (c >> 12)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
    } else {
      put(0xF0 | (c >> 18)), put(0x80 | ((c >> 12) & 0x3F)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
    }
    const auto decoded = first_code_point(text);
    ASSERT_TRUE(decoded.well_formed) << std::hex << static_cast<unsigned>(c);
    ASSERT_EQ(decoded.value, c);
    ASSERT_EQ(decoded.size, text.size());
  }
}

}  // namespace
}  // namespace baton
