// Instances that are not alike: of two releases, or with two configurations.
#include <csignal>
#include <fstream>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::IsEmpty;

class mixed_fleets : public on_a_server {
 protected:
  [[nodiscard]] std::string registered(const fleet& f, const std::string& job) const {
    return ask_one("SELECT COUNT(*) FROM baton.baton_job WHERE cluster='" + f.cluster() + "' AND job='" + job + "'");
  }
};

// The next release adds a column and a job. It is simulated: this release's binary has to live with both, on either side.
TEST_P(mixed_fleets, g1_s30_an_old_instance_lives_with_a_new_column_and_leaves_a_job_that_it_does_not_know_to_others) {
  fleet f{fleet_options()};
  f.job("common", "{every: 1s}", "--for 20");
  auto& old = f.add("old");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "common");
  const auto version = ask_one("SELECT value FROM baton.baton_meta WHERE name='schema_version'");
  ask("ALTER TABLE baton.baton_tick ADD COLUMN novelty VARCHAR(20) NULL; ALTER TABLE baton.baton_job ADD COLUMN novelty INT NOT NULL "
      "DEFAULT 0;"
      "UPDATE baton.baton_meta SET value='99' WHERE name='schema_version'");
  f.job("added", soon(seconds{4}), "--for 60000 --beat 20", "    on_crash: retry\n");
  f.add("new");
  f.judge_by("new");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto interrupted = await_run(f, "added");
  EXPECT_EQ(interrupted.instance, "new");

  // Its run is found by the old one, which cannot carry it out and leaves it for those who can.
  f.named("new").signal(SIGKILL);
  EXPECT_TRUE(eventually([&] { return row_of(f, interrupted).starts_with("2/"); }, wait_timeout + seconds{5}))
      << "not a due retry: " << row_of(f, interrupted) << f.logs();
  EXPECT_TRUE(old.process().is_running());
  // One of the old release starts anew beside the new tables.
  f.forget_jobs();
  f.job("common", "{every: 1s}", "--for 20");
  f.add("old-again");
  EXPECT_TRUE(eventually([&] { return f.named("old-again").is_ready(); }, seconds{8})) << f.logs();
  f.job("added", soon(seconds{4}), "--for 60000 --beat 20", "    on_crash: retry\n");
  f.add("new-again");
  f.judge_by("new-again");
  const auto again = await_run(f, "added", seconds{12}, 2);
  EXPECT_EQ(again.instance, "new-again");
  EXPECT_EQ(again.tick, interrupted.tick);
  EXPECT_EQ(again.attempt, 2U);
  const auto file = f.runs();
  for (const auto& r : file.of("added")) EXPECT_TRUE(r.instance.starts_with("new")) << r.instance;
  for (const auto& [tick, times] : file.ticks_of("common")) EXPECT_EQ(times, 1) << to_rfc3339(tick);
  EXPECT_EQ(ask_one("SELECT value FROM baton.baton_meta WHERE name='schema_version'"), "99") << "an old one took the tables back";
  ask("ALTER TABLE baton.baton_tick DROP COLUMN novelty; ALTER TABLE baton.baton_job DROP COLUMN novelty;"
      "UPDATE baton.baton_meta SET value='" +
      version + "' WHERE name='schema_version'");
}

TEST_P(mixed_fleets, g1_g9_s22_two_configurations_double_no_tick_and_are_told_of_until_they_agree) {
  fleet f{fleet_options()};
  const auto begin = [&](const char* every) {
    f.forget_jobs();
    f.job("pulse", every, "--for 20");
    f.job("steady", "{every: 1s}", "--for 20");
  };
  begin("{every: 1s}");
  f.job("gone", "{every: 1s}", "--for 4000 --beat 20");
  for (const auto* name : {"a", "b"}) f.add(name);
  f.rests("gone");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto last = await_run(f, "gone");
  await_run(f, "pulse");
  const auto from = wall_now();
  const auto reload = [&](const std::string& name) {
    f.write_file(name);
    const auto before = f.named(name).log_lines("configuration reloaded").size();
    f.named(name).signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return f.named(name).log_lines("configuration reloaded").size() > before; }, seconds{5})) << f.logs();
  };
  const auto disagreements = [&] {
    double sum = 0;
    for (auto& i : f) sum += i->metrics().value("baton_schedule_disagreement", {{"job_name", "pulse"}}).value_or(0);
    return sum;
  };

  // At the very tick, and with a run of a job under way that the new file does not have.
  begin("{every: 2s}");
  const auto at = std::chrono::ceil<seconds>(wall_now() + milliseconds{200});
  ASSERT_TRUE(eventually([&] { return wall_now() >= at - milliseconds{20}; }, seconds{3}, milliseconds{2}));
  reload("a");
  EXPECT_TRUE(eventually([&] { return disagreements() >= 1; }, seconds{15})) << "nobody told of two schedules" << f.logs();
  const auto told_in_the_log = [&] { return f.logs().find("another instance has another schedule of the job") != std::string::npos; };
  EXPECT_TRUE(eventually(told_in_the_log, seconds{5})) << f.logs();
  EXPECT_NE(f.logs().find("job=pulse"), std::string::npos);
  reload("b");
  EXPECT_TRUE(eventually([&] { return disagreements() == 0; }, seconds{15})) << f.logs();
  const auto agreed = wall_now();
  EXPECT_TRUE(eventually([&] { return wall_now() >= agreed + seconds{5}; }, seconds{8}, milliseconds{50}));
  const auto until = wall_now() - seconds{1};

  const auto file = f.runs();
  const auto steady = file.ticks_of("steady");
  for (auto t = wall_time{std::chrono::ceil<seconds>(from)}; t < until; t += seconds{1})
    EXPECT_TRUE(steady.contains(t)) << "lost at a reload: " << to_rfc3339(t);
  const auto pulse = file.ticks_of("pulse");
  for (auto t = wall_time{std::chrono::ceil<seconds>(agreed + seconds{1})}; t < until; t += seconds{1})
    EXPECT_EQ(pulse.contains(t), t.time_since_epoch() % seconds{2} == seconds{0}) << to_rfc3339(t);
  for (const auto* job : {"pulse", "steady", "gone"}) {
    for (const auto& [tick, times] : file.ticks_of(job)) EXPECT_EQ(times, 1) << job << " " << to_rfc3339(tick);
  }
  EXPECT_EQ(row_of(f, last), "4/1/1") << "a run ends under the definition that it began with";
  f.expect_finding("extra", "what b ran by the file that it had");
}

BATON_ON_BOTH_SERVERS(mixed_fleets);

}  // namespace
}  // namespace baton::system_test
