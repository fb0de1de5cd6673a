#include "claim_memory.hpp"

namespace baton::engine {

claim_memory::entry::entry(job_index j, const ledger::claimed_run& run)
    : job(j),
      lock_name(run.lock_name),
      tick(run.key.tick),
      kind(run.key.kind),
      attempt(run.attempt),
      fence(run.fence),
      claimed(run.claimed),
      parameters(run.parameters) {}

void claim_memory::claimed(job_index job, const ledger::claimed_run& run, boot_time now) { keep({job, run}, now); }

void claim_memory::ended(job_index job, const ledger::claimed_run& run, const ledger::finish_record& end, boot_time now) {
  entry what{job, run};
  what.end = end_of_run{end.state(), end.outcome, end.reason, end.started, end.finished, end.retry_at};
  keep(std::move(what), now);
}

void claim_memory::keep(entry what, boot_time now) {
  const key k{what.job, what.tick, what.kind};
  if (const auto it = entries_.find(k); it != entries_.end()) {
    by_age_.erase({it->second.changed, k});
    entries_.erase(it);
  }
  entries_.emplace(k, dated{std::move(what), now});
  by_age_.emplace(now, k);
  forget_old(now);
}

void claim_memory::forget_old(boot_time now) {
  while (!by_age_.empty() && (by_age_.begin()->first + remembered_for <= now || by_age_.size() > most_claims)) {
    entries_.erase(by_age_.begin()->second);
    by_age_.erase(by_age_.begin());
  }
}

std::vector<std::pair<claim_memory::key, const claim_memory::entry*>> claim_memory::after(const std::optional<key>& last,
                                                                                          std::size_t at_most) const {
  std::vector<std::pair<key, const entry*>> list;
  for (auto it = last ? entries_.upper_bound(*last) : entries_.begin(); it != entries_.end() && list.size() < at_most; ++it)
    list.emplace_back(it->first, &it->second.what);
  return list;
}

}  // namespace baton::engine
