#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

#include "files.hpp"

namespace baton::settings::testing {
namespace {

using robustness = scratch;

TEST_F(robustness, survives_every_mutation_of_a_good_file) {
  const variable password{"BATON_PASSWORD", "swordfish"};
  const variable admin_token{"BATON_ADMIN_TOKEN", "swordfish-swordfish-swordfish-swordfish"};
  const auto good = read_file(root / "config/every-key.yaml");
  ASSERT_FALSE(good.empty());
  std::mt19937_64 random{20261122};
  const auto pick = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>{0, below - 1}(random); };
  constexpr std::string_view interesting = "*&@`%|>!?:,[]{}#'\"\\$-<=~ \t\n\r\x7f\xff\xc3/0.9aZ";
  int accepted = 0;
  for (int i = 0; i < 800; ++i) {
    auto text = good;
    for (auto n = 1 + pick(4); n > 0; --n) {
      const auto at = pick(text.size());
      switch (pick(5)) {
        case 0: text[at] = interesting[pick(interesting.size())]; break;
        case 1: text.insert(at, 1, interesting[pick(interesting.size())]); break;
        case 2: text.erase(at, 1 + pick(20)); break;
        case 3: text.insert(at, text.substr(pick(text.size()), pick(60))); break;
        default: text.resize(at + 1);
      }
    }
    const auto result = load_text(text);
    accepted += result.value ? 1 : 0;
    bool has_error = false;
    for (const auto& p : result.problems) {
      has_error = has_error || !p.is_warning;
      EXPECT_FALSE(p.message.empty());
      EXPECT_EQ(render(p).find("swordfish"), std::string::npos);
    }
    ASSERT_EQ(result.value.has_value(), !has_error) << text;
    if (result.value) {
      ASSERT_EQ(show_effective(*result.value).find("swordfish"), std::string::npos);
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST_F(robustness, answers_hostile_files_quickly) {
  std::string deep(20'000, '[');
  std::string keys;
  for (int i = 0; i < 3000; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  std::string unquoted = "version: 1\ncluster: a\njobs:\n";
  for (int i = 0; i < 2000; ++i) unquoted += "  j" + std::to_string(i) + ":\n    schedule: */5 * * * *\n";
  for (const auto& text : std::initializer_list<std::string>{
           deep, "a: " + deep, keys, unquoted, std::string(200'000, '-'), "a: &a [*a]\n", "a: &a {b: *a}\n", std::string("\xef\xbb\xbf"),
           std::string("\0", 1), std::string("? [a]\n: b\n"), std::string("%YAML 9.9\n---\n"), std::string("!!binary x"),
           std::string("- a\n- b\n"), "cluster: " + std::string(1'000'000, 'x') + "\n"}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto result = load_text(text);
    EXPECT_FALSE(result.value) << text.substr(0, 100);
    EXPECT_FALSE(result.problems.empty());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{20}) << text.substr(0, 100);
  }
}

}  // namespace
}  // namespace baton::settings::testing
