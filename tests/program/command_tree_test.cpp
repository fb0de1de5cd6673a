#include "command_tree.hpp"

#include <gtest/gtest.h>

namespace baton::program {
namespace {

TEST(command_tree, says_how_a_verb_is_written) {
  verb_help verb{.name = "plugin run",
                 .help = {},
                 .options = {{.names = {"-h", "--help"}},
                             {.names = {"-o", "--output"}, .choices = {"table", "json"}, .takes_value = true},
                             {.names = {"--wait"}},
                             {.names = {"runs"}, .is_argument = true, .takes_value = true, .is_required = true, .may_repeat = true},
                             {.names = {"tick"}, .is_argument = true, .takes_value = true}},
                 .verbs = {}};
  EXPECT_EQ(synopsis_of(verb), "plugin run RUN... [TICK] [-o table|json] [--wait]");
  verb.verbs.push_back({.name = "plugin run fast"});
  EXPECT_EQ(all_verbs(verb).size(), 2U);
}

TEST(command_tree, knows_what_a_value_is) {
  EXPECT_EQ(kind_of({.names = {"-c", "--config"}}), value_kind::file);
  EXPECT_EQ(kind_of({.names = {"jobs"}, .is_argument = true}), value_kind::job);
  EXPECT_EQ(kind_of({.names = {"--store"}, .choices = {"mysql", "local"}}), value_kind::choice);
  EXPECT_EQ(kind_of({.names = {"--from"}}), value_kind::other);
}

}  // namespace
}  // namespace baton::program
