#include "crontab_words.hpp"

#include <gtest/gtest.h>

namespace baton::program {
namespace {

TEST(crontab_words, takes_words_off_a_line) {
  std::string_view rest = "  a \t b  c\r";
  EXPECT_EQ(take_word(rest), "a");
  EXPECT_EQ(rest, "b  c");
  EXPECT_EQ(take_word(rest), "b");
  EXPECT_EQ(take_word(rest), "c");
  EXPECT_EQ(take_word(rest), "");
}

TEST(crontab_words, tells_a_variable_from_an_entry) {
  EXPECT_EQ(read_variable("PATH=/bin:/usr/bin"), (std::pair<std::string, std::string>{"PATH", "/bin:/usr/bin"}));
  EXPECT_EQ(read_variable("MAILTO = \"a b\""), (std::pair<std::string, std::string>{"MAILTO", "a b"}));
  EXPECT_EQ(read_variable("\"X\"='y'"), (std::pair<std::string, std::string>{"X", "y"}));
  EXPECT_EQ(read_variable("EMPTY="), (std::pair<std::string, std::string>{"EMPTY", ""}));
  EXPECT_FALSE(read_variable("* * * * * FOO=bar x"));
  EXPECT_FALSE(read_variable("0 1 2 3 4 x"));
  EXPECT_FALSE(read_variable("0=1"));
}

TEST(crontab_words, names_a_job_after_its_program) {
  EXPECT_EQ(job_name("/usr/bin/backup.sh --all"), "backup");
  EXPECT_EQ(job_name("cd /srv && ./rollup.py"), "rollup");
  EXPECT_EQ(job_name("FOO=bar nice -n 10 /opt/Open"), "open");
  EXPECT_EQ(job_name("/usr/bin/python3 -u /srv/x.py a"), "x");
  EXPECT_EQ(job_name("test -x /a || ( cd / && run-parts --report /etc/cron.daily )"), "cron.daily");
  EXPECT_EQ(job_name("[ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean"), "sessionclean");
  EXPECT_EQ(job_name("\"/opt/a b/c\""), "a");
  EXPECT_EQ(job_name(";;"), "job");
  EXPECT_EQ(job_name(""), "job");
}

}  // namespace
}  // namespace baton::program
