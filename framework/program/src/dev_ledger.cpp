#include "dev_ledger.hpp"

#include <charconv>

#include "baton/local/store.hpp"
#include "baton/testing/private_server.hpp"
#include "dev_jobs.hpp"

namespace baton::program {
namespace {

using field = std::optional<std::string>;

std::uint64_t number(const field& f) {
  std::uint64_t value = 0;
  if (f) (void)std::from_chars(f->data(), f->data() + f->size(), value);
  return value;
}

std::optional<wall_time> time(const field& f) { return f ? from_sql(*f) : std::nullopt; }

ledger::tick_row to_row(const testing::private_server::row& f) {
  ledger::tick_row row;
  row.key = {f[0].value_or(""), time(f[1]).value_or(wall_time{}), static_cast<ledger::tick_kind>(number(f[2]))};
  row.state = static_cast<ledger::row_state>(number(f[3]));
  row.outcome = static_cast<ledger::run_outcome>(number(f[4]));
  row.reason = static_cast<ledger::reason_code>(number(f[5]));
  row.attempt = static_cast<std::uint32_t>(number(f[6]));
  row.instance = f[7].value_or("");
  row.until = time(f[8]);
  row.count = number(f[9]);
  row.started = time(f[10]);
  row.finished = time(f[11]);
  return row;
}

}  // namespace

static result<std::vector<ledger::tick_row>> read_rows(testing::private_server& server, wall_time since) {
  auto answer = server.exec(
      "SELECT job, tick, kind, state, outcome, reason, attempt, instance, until_tick, tick_count, started, finished FROM baton.baton_tick "
      "WHERE cluster = '" +
      std::string{demo_cluster} + "' AND changed >= '" + to_sql(since) + "' ORDER BY tick, job");
  if (!answer) return std::move(answer).error();
  std::vector<ledger::tick_row> rows;
  for (const auto& fields : *answer) rows.push_back(to_row(fields));
  return rows;
}

demo_store demo_store_on(testing::private_server& server) {
  return {"a private MariaDB", "mysql://baton@localhost/baton?socket=" + server.socket(), std::string{testing::private_server::password()},
          [&server](wall_time since) { return read_rows(server, since); }};
}

demo_store demo_store_in(const std::filesystem::path& directory) {
  local::options where;
  where.directory = directory;
  return {"a directory", "local://" + directory.string(), "", [where](wall_time since) -> result<std::vector<ledger::tick_row>> {
            auto store = local::store::create(where);
            if (!store) return std::move(store).error();
            auto control = store->open_control();
            if (!control) return std::move(control).error();
            ledger::row_query all;
            // No run of the demo's is written for longer than a minute.
            if (since != wall_time{}) all.from = since - std::chrono::minutes{1};
            all.newest_first = false;
            all.limit = 1'000'000;
            return (*control)->rows(std::string{demo_cluster}, all);
          }};
}

}  // namespace baton::program
