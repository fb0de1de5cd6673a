// Broken files that people really write, and what they are told. golden/X.yaml → golden/X.expected.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "files.hpp"

namespace baton::settings::testing {
namespace {

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator{root / "tests/settings/golden"}) {
    if (entry.path().extension() == ".yaml") out.push_back(entry.path().stem().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

class golden : public scratch, public ::testing::WithParamInterface<std::string> {};

TEST_P(golden, says_what_is_wrong_and_what_to_write_instead) {
  const variable unset{"BATON_TEST_UNSET", nullptr};
  const variable secret{"BATON_TEST_SECRET", "do-not-print-me"};
  const variable credentials{"CREDENTIALS_DIRECTORY", nullptr};
  const auto from = root / "tests/settings/golden";
  copy_own(from, directory / "golden");
  std::filesystem::current_path(directory / "golden");  // so that the messages name no path of this machine
  const auto result = load(GetParam() + ".yaml");
  const auto text = text_of(result);
  EXPECT_FALSE(result.value);
  EXPECT_EQ(text.find("do-not-print-me"), std::string::npos);
  EXPECT_EQ(text.find("s3cr3t"), std::string::npos);
  EXPECT_EQ(text.find("hunter2"), std::string::npos);
  std::filesystem::current_path("/");
  const auto expected = from / (GetParam() + ".expected");
  if (is_updating()) write_file(expected, text);
  EXPECT_EQ(text, read_file(expected));
}

INSTANTIATE_TEST_SUITE_P(broken_file, golden, ::testing::ValuesIn(names()), [](const auto& param) {
  auto name = param.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

}  // namespace
}  // namespace baton::settings::testing
