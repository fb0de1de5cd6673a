#include <gmock/gmock.h>

#include "fixture.hpp"

namespace {

using namespace baton::plugin_host;
using baton::errc;
using testing::HasSubstr;

executor::options options() {
  executor::options opts;
  opts.runner_program = BATON_TEST_RUNNER;
  return opts;
}

TEST(describe_apart, tells_what_loading_here_tells) {
  const std::string path = BATON_TEST_PLUGINS "/misbehave.so";
  const auto apart = describe_plugin_apart(options(), path);
  const auto here = describe_plugin(path);
  ASSERT_TRUE(apart) << apart.error().context;
  EXPECT_EQ(apart->path, path);
  EXPECT_EQ(apart->name, here->name);
  EXPECT_EQ(apart->version, here->version);
  EXPECT_EQ(apart->build_id, here->build_id);
  EXPECT_EQ(apart->abi_major, here->abi_major);
  ASSERT_EQ(apart->parameters.size(), here->parameters.size());
  EXPECT_TRUE(apart->parameters[0].required);
  EXPECT_EQ(apart->parameters[1].fallback, here->parameters[1].fallback);
  EXPECT_EQ(apart->parameters[1].help, here->parameters[1].help);
}

TEST(describe_apart, refuses_what_loading_here_refuses) {
  const std::string path = BATON_TEST_PLUGINS "/broken_major.so";
  const auto apart = describe_plugin_apart(options(), path);
  ASSERT_FALSE(apart);
  EXPECT_EQ(apart.error().code, errc::plugin_refused);
  EXPECT_EQ(apart.error().context, describe_plugin(path).error().context);
  EXPECT_FALSE(describe_plugin_apart(options(), "/nowhere/x.so"));
}

TEST(describe_apart, g10_survives_a_plugin_whose_code_crashes_while_it_is_loaded) {
  const auto apart = describe_plugin_apart(options(), BATON_TEST_PLUGINS "/crash_on_load.so");
  ASSERT_FALSE(apart);
  EXPECT_EQ(apart.error().code, errc::plugin_refused);
  EXPECT_THAT(apart.error().context, HasSubstr("while it was loaded"));
}

TEST(describe_apart, says_so_when_there_is_no_runner) {
  auto opts = options();
  opts.runner_program = "/nowhere/baton";
  EXPECT_EQ(describe_plugin_apart(opts, BATON_TEST_PLUGINS "/misbehave.so").error().code, errc::spawn_failed);
}

}  // namespace
