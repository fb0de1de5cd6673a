#include "baton/lock/lease.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baton::lock {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Design.md section 4: the tightest legal set.
lease_timing tightest() { return {milliseconds{500}, milliseconds{500}, seconds{3}, milliseconds{1500}, milliseconds{500}}; }

std::string complaint(const lease_timing& timing) {
  const auto checked = timing.validate();
  if (checked) return "valid";
  EXPECT_EQ(checked.error().code, errc::invalid_configuration);
  return checked.error().context;
}

TEST(lease_timing, accepts_the_defaults_and_the_tightest_set) {
  EXPECT_EQ(complaint({}), "valid");
  EXPECT_EQ(complaint(tightest()), "valid");
}

TEST(lease_timing, gives_up_a_silent_ledger_session_so_early_that_the_next_one_has_the_incarnation_within_m_and_2_s) {
  EXPECT_EQ(lease_timing{}.ledger_timeout(), milliseconds{3500});
  EXPECT_EQ(tightest().ledger_timeout(), seconds{1});
  auto t = lease_timing{};
  t.margin = seconds{5};
  EXPECT_EQ(t.ledger_timeout(), t.probe_timeout);
  t = lease_timing{};
  t.stop = milliseconds{100};
  t.margin = milliseconds{1100};
  EXPECT_EQ(t.ledger_timeout(), seconds{1}) << "a statement may be slow";
}

TEST(lease_timing, refuses_each_broken_rule_and_names_rule_and_values) {
  auto t = tightest();
  t.wait_timeout = milliseconds{3500};
  EXPECT_THAT(complaint(t), AllOf(HasSubstr("whole seconds"), HasSubstr("3.5s")));
  t = tightest();
  t.wait_timeout = seconds{2};
  EXPECT_THAT(complaint(t), AllOf(HasSubstr("at least 3s"), HasSubstr("2s")));
  t = lease_timing{};
  t.probe = seconds{6};
  EXPECT_THAT(complaint(t), AllOf(HasSubstr("probe must be at most a third"), HasSubstr("6s"), HasSubstr("15s")));
  t = lease_timing{};
  t.probe_timeout = seconds{6};
  EXPECT_THAT(complaint(t), AllOf(HasSubstr("probe_timeout must be at most a third"), HasSubstr("6s"), HasSubstr("15s")));
  t = tightest();
  t.stop = milliseconds{501};
  EXPECT_THAT(complaint(t), AllOf(HasSubstr("margin must be at least stop + 1s"), HasSubstr("501ms"), HasSubstr("1.5s")));
  t = tightest();
  t.margin = milliseconds{1501};
  EXPECT_THAT(complaint(t), AllOf(HasSubstr("wait_timeout - margin"), HasSubstr("1.5s"), HasSubstr("1.499s")));
  t = tightest();
  t.probe = microseconds{0};
  EXPECT_THAT(complaint(t), HasSubstr("longer than nothing"));
}

TEST(lease_timing, counts_the_deadline_from_the_sending_of_the_last_proof) {
  EXPECT_EQ(lease_timing{}.deadline(boot_time{seconds{100}}), boot_time{seconds{112}});
  EXPECT_EQ(lease_timing{}.living_owner_wait(), seconds{13});
  EXPECT_EQ(lease_timing{}.dead_owner_wait(), seconds{2});
}

TEST(loss, has_the_label_values_of_the_metric) {
  EXPECT_EQ(to_string(loss::connection), "connection");
  EXPECT_EQ(to_string(loss::released_elsewhere), "released_elsewhere");
  EXPECT_EQ(to_string(loss::not_primary), "not_primary");
  EXPECT_EQ(to_string(loss::server_changed), "server_changed");
  EXPECT_EQ(to_string(loss::no_quorum), "no_quorum");
  EXPECT_EQ(to_string(loss::deadline), "deadline");
}

}  // namespace
}  // namespace baton::lock
