#include "schema.hpp"

#include <array>
#include <charconv>
#include <random>

namespace baton::local {
namespace {

constexpr std::uint64_t application_id = 0x4241544f;  // "BATO"

/// Step n brings version n to n + 1. A step is never changed after a release, only followed by another. The columns are those of the
/// MySQL store (docs/reference/tables.md); times are microseconds since the epoch, UTC.
constexpr std::array<std::string_view, schema_version> steps{
    R"(CREATE TABLE baton_tick (
  cluster TEXT NOT NULL,
  job TEXT NOT NULL,
  tick INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  lock_name TEXT NOT NULL,
  state INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  incarnation TEXT NOT NULL,
  instance TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  until_tick INTEGER,
  tick_count INTEGER NOT NULL,
  claimed INTEGER,
  started INTEGER,
  finished INTEGER,
  retry_at INTEGER,
  outcome INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  error TEXT NOT NULL,
  output TEXT NOT NULL,
  cancel INTEGER NOT NULL DEFAULT 0,
  requested INTEGER,
  request TEXT NOT NULL DEFAULT '',
  parameters TEXT,
  changed INTEGER NOT NULL,
  PRIMARY KEY (cluster, job, tick, kind)
) STRICT;
CREATE INDEX open_rows ON baton_tick (cluster, lock_name, state) WHERE state IN (1, 2, 3);
CREATE INDEX tick_changes ON baton_tick (cluster, changed);
CREATE TABLE baton_fence (
  lock_name TEXT NOT NULL PRIMARY KEY,
  fence INTEGER NOT NULL
) STRICT;
CREATE TABLE baton_job (
  cluster TEXT NOT NULL,
  job TEXT NOT NULL,
  lock_name TEXT NOT NULL,
  schedule_hash TEXT NOT NULL,
  paused INTEGER,
  configured INTEGER NOT NULL,
  stopped INTEGER NOT NULL DEFAULT 0,
  last_stopped INTEGER NOT NULL DEFAULT 0,
  stopped_from INTEGER,
  stopped_until INTEGER,
  effective_since INTEGER NOT NULL,
  low_water INTEGER,
  changed INTEGER NOT NULL,
  PRIMARY KEY (cluster, job)
) STRICT;
CREATE INDEX job_changes ON baton_job (cluster, changed);
CREATE TABLE baton_instance (
  cluster TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  instance TEXT NOT NULL,
  version TEXT NOT NULL,
  config_hash INTEGER NOT NULL,
  tzdata TEXT NOT NULL,
  connection_id INTEGER NOT NULL,
  started INTEGER NOT NULL,
  heartbeat INTEGER NOT NULL,
  PRIMARY KEY (cluster, incarnation)
) STRICT;
CREATE TABLE baton_meta (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT)",
};

std::string step_sql(unsigned step) {
  return std::string{steps[step]} + ";\nINSERT OR REPLACE INTO baton_meta (name, value) VALUES ('schema_version', '" +
         std::to_string(step + 1) + "')";
}

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// 0: there are no tables. Within a transaction.
std::uint64_t read_version(database& db) {
  if (!db.query("SELECT 1 FROM sqlite_schema WHERE name='baton_meta'").next()) return 0;
  auto found = db.query("SELECT value FROM baton_meta WHERE name='schema_version'");
  return found.next() ? number_of(found.text(0)) : 0;
}

failure too_new(std::uint64_t version) {
  return {errc::store_unfit, "the tables are of version " + std::to_string(version) + " and this release knows version " +
                                 std::to_string(schema_version) + ": a newer Baton has made them; run that one, or name another directory"};
}

std::string random_text() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device source;
  std::string text;
  for (int i = 0; i < 32; ++i) text += digits[source() % digits.size()];
  return text;
}

}  // namespace

status check_ownership(database& db) {
  std::uint64_t id = 0;
  bool is_empty = true;
  const auto read = db.read([&] {
    if (auto found = db.query("PRAGMA application_id"); found.next()) id = found.number(0);
    is_empty = !db.query("SELECT 1 FROM sqlite_schema LIMIT 1").next();
  });
  if (!read || id == application_id || (id == 0 && is_empty)) return read;
  return failure{errc::store_unfit, "baton.db is another program's database: name a directory of Baton's own"};
}

status check_schema(database& db) {
  std::uint64_t version = 0;
  if (auto read = db.read([&] { version = read_version(db); }); !read) return read;
  if (version > schema_version) return too_new(version);
  if (version == schema_version) return {};
  return failure{errc::schema_outdated, "the tables are of version " + std::to_string(version) + " and version " +
                                            std::to_string(schema_version) + " is needed; run baton migrate"};
}

status migrate_schema(database& db, wall_time now) {
  return db.write([&] {
    const auto version = read_version(db);
    if (version > schema_version) return db.fail(too_new(version));
    for (auto step = static_cast<unsigned>(version); step < schema_version; ++step) db.script(step_sql(step));
    if (version > 0) return;
    db.script("PRAGMA application_id=" + std::to_string(application_id));
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    db.run("INSERT INTO baton_meta (name,value) VALUES ('identity',?),('created',?)", random_text(), std::to_string(seconds));
  });
}

std::string full_schema_sql() {
  std::string sql;
  for (unsigned step = 0; step < schema_version; ++step) sql += step_sql(step) + ";\n";
  return sql;
}

result<lock::server_identity> read_identity(database& db) {
  lock::server_identity found;
  const auto read = db.read([&] {
    auto rows = db.query("SELECT name,value FROM baton_meta WHERE name IN ('identity','created')");
    while (rows.next()) {
      if (rows.text(0) == "identity") {
        found.uuid = rows.text(1);
      } else {
        found.started = static_cast<std::int64_t>(number_of(rows.text(1)));
      }
    }
  });
  if (!read) return read.error();
  return found;
}

}  // namespace baton::local
