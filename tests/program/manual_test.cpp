#include "manual.hpp"

#include <gmock/gmock.h>

#include "baton/settings/keys.hpp"
#include "started_program.hpp"

namespace baton::program {
namespace {

class manual : public started_program {};

TEST_F(manual, is_taken_by_groff_and_mandoc_without_a_complaint) {
  for (const std::string page : {"baton", "baton.yaml"}) {
    const auto a = run("manual " + page);
    ASSERT_EQ(a.code, 0) << a.err;
    const auto file = written(a.out, page + ".man");
    const auto groff = shell("groff -man -z -ww " + file);
    EXPECT_EQ(groff.code, 0);
    EXPECT_EQ(groff.err, "");
    const auto mandoc = shell("mandoc -Tlint -Wwarning " + file + " | grep -v 'missing date' || true");
    EXPECT_EQ(mandoc.out + mandoc.err, "") << "(mandoc is installed by ./dev setup)";
  }
}

TEST_F(manual, has_every_key_and_its_default) {
  const auto text = shell(std::string{BATON_PROGRAM} + " manual baton.yaml | mandoc -Tascii -O width=200 | sed 's/.\\x08//g'").out;
  for (const auto& row : settings::keys()) {
    std::string path{row.path};
    if (const auto star = path.find('*'); star != std::string::npos) path.replace(star, 1, "NAME");
    EXPECT_THAT(text, testing::HasSubstr("     " + path)) << row.path;
    const auto fallback = row.fallback.empty() ? std::string{} : "default: " + std::string{row.fallback};
    EXPECT_THAT(text, testing::HasSubstr(fallback)) << row.path;
  }
}

TEST_F(manual, has_every_verb_and_exit_code) {
  const auto text = shell(std::string{BATON_PROGRAM} + " manual baton | mandoc -Tascii -O width=200 | sed 's/.\\x08//g'").out;
  for (const auto* verb : {"baton run -c FILE", "baton plugin new NAME", "baton import crontab FILE", "baton trigger JOB -c FILE"})
    EXPECT_THAT(text, testing::HasSubstr(verb));
  for (const auto* code : {"0 ", "1 ", "64 ", "69 ", "70 ", "75 ", "77 ", "78 "})
    EXPECT_THAT(text, testing::HasSubstr("\n       " + std::string{code}));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("baton manual")));
}

}  // namespace
}  // namespace baton::program
