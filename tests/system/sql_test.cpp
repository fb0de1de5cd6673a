#include <fstream>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

class sql_jobs : public on_a_server {};

TEST_P(sql_jobs, write_into_the_store_under_the_fence_of_their_run) {
  ask("CREATE TABLE IF NOT EXISTS baton.paid (cluster VARCHAR(64), fence BIGINT UNSIGNED)");
  fleet f{fleet_options()};
  f.job("work", "{every: 1s}", "--for 20");
  std::ofstream{f.directory() / "sql.yaml"} << "jobs:\n"
                                               "  settle:\n"
                                               "    plugin: sql\n"
                                               "    schedule: {every: 1s}\n"
                                               "    with:\n"
                                               "      statements: ['INSERT INTO paid VALUES (@baton_cluster, @baton_fence)']\n"
                                               "      guard: true\n";
  fleet::instance_options with_sql;
  with_sql.settings = "include: [sql.yaml]\n";
  for (const auto* name : {"a", "b"}) f.add(name, with_sql);
  const auto of_cluster = "cluster='" + f.cluster() + "'";
  ASSERT_TRUE(eventually([&] { return std::stoi(ask_one("SELECT COUNT(*) FROM baton.paid WHERE " + of_cluster)) >= 3; }, seconds{20}))
      << f.logs();
  f.stop();
  EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.paid p WHERE p." + of_cluster +
                    " AND fence NOT IN (SELECT fence FROM baton.baton_tick t WHERE t." + of_cluster + " AND job='settle' AND outcome=1)"),
            "0");
}

BATON_ON_BOTH_SERVERS(sql_jobs);

}  // namespace
}  // namespace baton::system_test
