#include "fleet_ledger.hpp"

#include <algorithm>
#include <tuple>

namespace baton::program {
namespace {

using ledger::row_query;
using ledger::tick_key;
using ledger::tick_row;

constexpr std::uint32_t page_size = 50;
constexpr std::size_t most_pages = 10;
constexpr std::size_t most_newest = 500;
constexpr std::uint32_t most_open = 1000;
constexpr std::size_t most_exact = 100;  // rows that are asked for one by one at a look
constexpr std::uint32_t past_size = 20;

bool is_newer(const tick_key& a, const tick_key& b) { return std::tie(a.tick, a.job, a.kind) > std::tie(b.tick, b.job, b.kind); }

row_query query_for(const tick_key& key) {
  row_query query;
  query.job = key.job;
  query.from.emplace(key.tick);
  query.to.emplace(key.tick + microseconds{1});
  return query;
}

bool is_later_of_job(const tick_key& a, const std::optional<tick_key>& b) {
  return !b || std::tie(a.tick, a.kind) >= std::tie(b->tick, b->kind);
}

}  // namespace

void job_past::see(const tick_row& row) {
  if (row.attempt == 0) return;
  if (is_later_of_job(row.key, last ? std::optional{last->key} : std::nullopt)) last = row;
  if (row.state != ledger::row_state::finished) return;
  if (is_later_of_job(row.key, ended_at)) {
    ended = row.outcome;
    ended_at = row.key;
  }
  if (row.outcome == ledger::run_outcome::success && row.finished) last_success = std::max(last_success, row.finished);
}

const job_past* fleet_snapshot::past_of(std::string_view job) const {
  const auto found = past.find(job);
  return found == past.end() ? nullptr : found->second.get();
}

void fleet_snapshot::see(const tick_row& row) {
  auto& slot = past[row.key.job];  // shared with earlier snapshots
  auto next = slot ? std::make_shared<job_past>(*slot) : std::make_shared<job_past>();
  next->see(row);
  slot = std::move(next);
}

bool looks_the_same(const tick_row& a, const tick_row& b) noexcept {
  const auto facts = [](const tick_row& r) {
    return std::tie(r.key, r.state, r.fence, r.incarnation, r.attempt, r.until, r.count, r.claimed, r.started, r.finished, r.retry_at,
                    r.outcome, r.reason, r.error, r.output, r.cancel);
  };
  return facts(a) == facts(b);
}

const tick_row* fleet_ledger::known(const tick_key& key) const {
  const auto found = known_.find(key);
  return found == known_.end() ? nullptr : found->second;
}

void fleet_ledger::see(const tick_row& row, fleet_snapshot& made) const {
  const auto* was = known(row.key);
  if (was != nullptr && looks_the_same(*was, row)) return;
  made.see(row);
  const auto is_told = [&](const tick_row& one) { return one.key == row.key; };
  if (before_->as_of && std::ranges::none_of(made.changed, is_told)) made.changed.push_back(row);
}

status fleet_ledger::read_newest(ledger::control& control, fleet_snapshot& made) {
  row_query query;
  query.limit = page_size;
  bool is_caught_up = false;
  for (std::size_t page = 0; page < most_pages && !is_caught_up; ++page) {
    auto rows = control.rows(cluster_, query);
    if (!rows) return std::move(rows).error();
    is_caught_up = rows->size() < query.limit;
    bool has_news = false;
    for (auto& row : *rows) {
      const auto* was = known(row.key);
      has_news = has_news || was == nullptr || !looks_the_same(*was, row);
      made.newest.push_back(std::move(row));
    }
    is_caught_up = is_caught_up || !has_news;
    if (!rows->empty()) query.after = made.newest.back().key;
  }
  made.is_all_changed = before_->as_of && !is_caught_up;
  for (const auto& row : made.newest) see(row, made);
  // What is older than the pages, from the last look.
  if (!made.newest.empty() && !made.is_all_changed) {
    const auto oldest = made.newest.back().key;
    std::ranges::copy_if(before_->newest, std::back_inserter(made.newest), [&](const tick_row& row) { return is_newer(oldest, row.key); });
  }
  if (made.newest.size() > most_newest) made.newest.resize(most_newest);
  return {};
}

/// Rows that were open at the last look, are so no more, and are not among the newest: what became of them.
status fleet_ledger::read_closed(ledger::control& control, fleet_snapshot& made) {
  std::size_t asked = 0;
  for (const auto& was : before_->open) {
    const auto is_it = [&](const tick_row& row) { return row.key == was.key; };
    if (std::ranges::any_of(made.open, is_it) || std::ranges::any_of(made.changed, is_it)) continue;
    const auto current = std::ranges::find_if(made.newest, is_it);
    if (current != made.newest.end() && !is_open(current->state)) continue;
    if (++asked > most_exact) {
      made.is_all_changed = true;
      return {};
    }
    auto rows = control.rows(cluster_, query_for(was.key));
    if (!rows && rows.error().code == errc::not_found) continue;
    if (!rows) return std::move(rows).error();
    for (const auto& row : *rows) {
      see(row, made);
      if (current != made.newest.end() && row.key == current->key) *current = row;
    }
  }
  return {};
}

/// Of jobs that ran last before all that is among the newest.
status fleet_ledger::read_past(ledger::control& control, fleet_snapshot& made, std::size_t most) {
  std::size_t asked = 0;
  for (const auto& job : made.jobs) {
    if (searched_.contains(job.job)) continue;
    if (asked == most) break;
    ++asked;
    row_query query;
    query.job = job.job;
    query.limit = past_size;
    auto rows = control.rows(cluster_, query);
    if (!rows) return std::move(rows).error();
    for (const auto& row : *rows) made.see(row);
    searched_.insert(job.job);
  }
  return {};
}

result<std::shared_ptr<const fleet_snapshot>> fleet_ledger::look(ledger::control& control, std::size_t past_of) {
  auto made = std::make_shared<fleet_snapshot>();
  const auto now = control.now();
  if (!now) return now.error();
  auto jobs = control.jobs(cluster_);
  if (!jobs) return std::move(jobs).error();
  auto instances = control.instances(cluster_);
  if (!instances) return std::move(instances).error();
  row_query open;
  open.only_open = true;
  open.limit = most_open;
  auto rows = control.rows(cluster_, open);
  if (!rows) return std::move(rows).error();
  made->as_of = *now;
  made->jobs = std::move(*jobs);
  std::ranges::sort(made->jobs, {}, &ledger::job_record::job);  // by bytes, whatever the store thinks
  made->instances = std::move(*instances);
  made->open = std::move(*rows);
  made->past = before_->past;
  for (const auto& row : made->open) see(row, *made);
  if (auto read = read_newest(control, *made); !read) return read.error();
  if (auto read = read_closed(control, *made); !read) return read.error();
  if (auto read = read_past(control, *made, past_of); !read) return read.error();
  before_ = made;
  known_.clear();
  for (const auto* list : {&made->newest, &made->open}) {
    for (const auto& row : *list) known_[row.key] = &row;
  }
  return std::shared_ptr<const fleet_snapshot>{std::move(made)};
}

}  // namespace baton::program
