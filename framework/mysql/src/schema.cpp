#include "schema.hpp"

#include <array>

namespace baton::mysql {
namespace {

/// Step n brings version n to n + 1. A step is never changed after a release, only followed by another; each is safe to repeat.
constexpr std::array<std::string_view, schema_version> steps{
    R"(CREATE TABLE IF NOT EXISTS baton_tick (
  cluster VARCHAR(28) NOT NULL,
  job VARCHAR(255) NOT NULL,
  tick DATETIME(6) NOT NULL COMMENT 'nominal time, UTC, as all times here',
  kind TINYINT UNSIGNED NOT NULL COMMENT '1 schedule, 2 trigger, 3 after',
  lock_name VARCHAR(64) NOT NULL,
  state TINYINT UNSIGNED NOT NULL COMMENT '1 running, 2 retry_due, 3 pending, 4 finished, 5 skipped, 6 missed',
  fence BIGINT UNSIGNED NOT NULL,
  incarnation VARCHAR(25) NOT NULL COMMENT 'of the last owner',
  instance VARCHAR(255) NOT NULL COMMENT 'its label',
  attempt INT UNSIGNED NOT NULL,
  until_tick DATETIME(6) NULL COMMENT 'a range row covers tick to until_tick',
  tick_count BIGINT UNSIGNED NOT NULL COMMENT 'how many ticks the row stands for',
  claimed DATETIME(6) NULL,
  started DATETIME(6) NULL,
  finished DATETIME(6) NULL,
  retry_at DATETIME(6) NULL COMMENT 'when the next attempt after a failure is due',
  outcome TINYINT UNSIGNED NOT NULL COMMENT '0 none, 1 success, 2 failure, 3 timeout, 4 cancelled, 5 crashed, 6 lock_lost',
  reason SMALLINT UNSIGNED NOT NULL,
  error TEXT NOT NULL,
  output TEXT NOT NULL COMMENT 'the last 4 KiB',
  cancel TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT '1: somebody asked for its end',
  requested DATETIME(6) NULL COMMENT 'of kind trigger and after: when it was asked for',
  request VARCHAR(36) NOT NULL DEFAULT '' COMMENT 'of kind trigger: the id that its client made',
  parameters TEXT NULL COMMENT 'of kind trigger: a JSON object over the parameters of the configuration',
  changed DATETIME(6) NOT NULL COMMENT 'when the row was written last',
  PRIMARY KEY (cluster, job, tick, kind),
  KEY open_rows (cluster, state, lock_name),
  KEY changes (cluster, changed)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS baton_fence (
  lock_name VARCHAR(64) NOT NULL PRIMARY KEY,
  fence BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS baton_job (
  cluster VARCHAR(28) NOT NULL,
  job VARCHAR(255) NOT NULL,
  lock_name VARCHAR(64) NOT NULL,
  schedule_hash VARCHAR(64) NOT NULL,
  paused TINYINT UNSIGNED NULL COMMENT 'by command: 1 paused, 0 resumed; NULL: the configuration decides',
  configured TINYINT UNSIGNED NOT NULL COMMENT '0 runs, 1 paused, 2 disabled',
  stopped SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'why its ticks are skipped now: 0 they are not, 2 paused, 5 disabled',
  last_stopped SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'why they were between the two',
  stopped_from DATETIME(6) NULL,
  stopped_until DATETIME(6) NULL,
  effective_since DATETIME(6) NOT NULL COMMENT 'ticks before it do not exist',
  low_water DATETIME(6) NULL COMMENT 'ticks up to it were purged',
  changed DATETIME(6) NOT NULL COMMENT 'when the row was written last',
  PRIMARY KEY (cluster, job),
  KEY changes (cluster, changed)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS baton_instance (
  cluster VARCHAR(28) NOT NULL,
  incarnation VARCHAR(25) NOT NULL,
  instance VARCHAR(255) NOT NULL,
  version VARCHAR(64) NOT NULL,
  config_hash BIGINT UNSIGNED NOT NULL,
  tzdata VARCHAR(32) NOT NULL COMMENT 'release of the time zone data',
  connection_id BIGINT UNSIGNED NOT NULL COMMENT 'of its ledger session',
  started DATETIME(6) NOT NULL,
  heartbeat DATETIME(6) NOT NULL,
  PRIMARY KEY (cluster, incarnation)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS baton_meta (
  name VARCHAR(64) NOT NULL PRIMARY KEY,
  value VARCHAR(255) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS baton_holder (
  lock_name VARCHAR(64) NOT NULL PRIMARY KEY,
  fence BIGINT UNSIGNED NOT NULL,
  holder VARCHAR(255) NOT NULL COMMENT 'its label',
  connection_id BIGINT UNSIGNED NOT NULL COMMENT 'of the session that holds the lock: the row is true while IS_USED_LOCK() says the same',
  since DATETIME(6) NOT NULL,
  given_back TINYINT UNSIGNED NOT NULL COMMENT '1: by its holder, in order'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin)",
};

std::string step_sql(unsigned step) {
  return std::string{steps[step]} + ";\nINSERT INTO baton_meta (name, value) VALUES ('schema_version', '" + std::to_string(step + 1) +
         "') ON DUPLICATE KEY UPDATE value='" + std::to_string(step + 1) + "'";
}

}  // namespace

result<unsigned> read_schema_version(connection& session) {
  auto asked = session.run("SELECT value FROM baton_meta WHERE name='schema_version'");
  if (!asked) {
    if (asked.error().code == errc::schema_outdated) return 0U;
    return std::move(asked).error();
  }
  return asked->front().next() ? static_cast<unsigned>(asked->front().number(0)) : 0U;
}

status migrate_schema(connection& session, const std::string& database) {
  const auto name = session.quoted("baton:~migrate:" + database.substr(0, 40));
  auto locked = session.run("SELECT GET_LOCK(" + name + ",10)");
  if (!locked) return std::move(locked).error();
  if (!locked->front().next() || !locked->front().is_true(0))
    return failure{errc::store_busy, "another instance has been creating the tables for 10 s; try again"};
  auto present = read_schema_version(session);
  status done;
  if (!present) done = present.error();
  for (unsigned step = present ? *present : schema_version; done && step < schema_version; ++step) {
    if (auto made = session.run(step_sql(step)); !made)
      done = std::move(made).error().in("schema step " + std::to_string(step + 1) +
                                        " (an account with CREATE, ALTER and INDEX may run baton migrate)");
  }
  auto released = session.run("SELECT RELEASE_LOCK(" + name + ")");
  if (done && !released) return std::move(released).error();
  return done;
}

std::string full_schema_sql() {
  std::string sql;
  for (unsigned step = 0; step < schema_version; ++step) sql += step_sql(step) + ";\n";
  return sql;
}

}  // namespace baton::mysql
