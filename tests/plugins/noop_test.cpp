#include <gtest/gtest.h>

#include "fixture.hpp"

namespace {

using namespace baton::plugin_host;
using namespace std::chrono_literals;

const std::string path = BATON_SHIPPED_PLUGINS "/noop.so";

TEST(noop, does_nothing_or_fails_as_told) {
  baton::test::recorder executor;
  const auto good = executor.request(path, {{"duration", baton::microseconds{0}}, {"fail", false}});
  const auto bad = executor.request(path, {{"duration", baton::microseconds{1ms}}, {"fail", true}});
  executor->start(good);
  executor->start(bad);
  EXPECT_EQ(executor.ended(good.id).end, run_end::success);
  EXPECT_EQ(executor.ended(bad.id).end, run_end::failure);
}

TEST(noop, ends_early_when_stopped) {
  baton::test::recorder executor;
  const auto request = executor.request(path, {{"duration", baton::microseconds{1h}}, {"fail", false}});
  executor->start(request);
  ASSERT_TRUE(executor.wait_for<run_started>(request.id));
  executor->stop(request.id, {1h, 1h});
  EXPECT_EQ(executor.ended(request.id).end, run_end::cancelled);
}

}  // namespace
