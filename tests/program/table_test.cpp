#include "table.hpp"

#include <gtest/gtest.h>

namespace baton::program {
namespace {

TEST(table, lines_up_its_columns_and_leaves_no_blanks_at_the_end) {
  table t{{"A", "LONG", "C"}};
  t.add({"first", "x", ""});
  t.add({"é", "y", "last"});
  EXPECT_EQ(t.text(0),
            "A      LONG  C\n"
            "first  x\n"
            "é      y     last\n");
}

TEST(table, cuts_the_last_column_to_fit_the_terminal) {
  table t{{"A", "NOTE"}};
  t.add({"1", "seven characters more"});
  t.add({"2", "äöüäöü"});
  EXPECT_EQ(t.text(9),
            "A  NOTE\n"
            "1  seven…\n"
            "2  äöüäöü\n");
  EXPECT_EQ(t.text(3), "A\n1\n2\n");
}

TEST(table, keeps_control_characters_away_from_the_terminal) {
  table t{{"A"}};
  t.add({"x\x1b[31m\ny"});
  EXPECT_EQ(t.text(0), "A\nx [31m y\n");
}

}  // namespace
}  // namespace baton::program
