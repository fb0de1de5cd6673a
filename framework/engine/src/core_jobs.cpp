#include <algorithm>

#include "baton/lock/name.hpp"
#include "core.hpp"
#include "spread.hpp"

namespace baton::engine {

name_index scheduler::core::name_of(const std::string& text, job_index label) {
  const auto next = free_names_.empty() ? static_cast<name_index>(names_.size()) : free_names_.back();
  const auto [it, is_new] = name_by_text_.try_emplace(text, next);
  if (is_new) {
    name_state name;
    name.text = text;
    name.label = label;
    name.spread = spread_hash(options_.incarnation, text);
    name.of_one_run = text.starts_with(lock::run_name_prefix(options_.cluster));
    if (free_names_.empty()) {
      names_.push_back(std::move(name));
    } else {
      names_[next] = std::move(name);
      free_names_.pop_back();
    }
  }
  return it->second;
}

void scheduler::core::drop_if_done(name_index n) {
  auto& name = names_[n];
  if (!name.of_one_run || name.at != phase::idle) return;
  name_by_text_.erase(name.text);
  name = {};
  free_names_.push_back(n);
}

void scheduler::core::place(job_index j) {
  const auto& job = jobs_[j];
  job_by_name_.emplace(job.name, j);
  const auto n = name_of(job.lock_name, j);
  job_states_[j].name = n;
  std::erase(names_[n].former, j);
  if (job.runs_here && !job.is_retired) names_[n].jobs.push_back(j);
}

void scheduler::core::forget(name_index n) {
  auto& name = names_[n];
  if (const auto it = ready_key_.find(n); it != ready_key_.end()) {
    ready_.erase(it->second);
    ready_key_.erase(it);
  }
  parked_.erase(n);
  delayed_.erase({name.not_before, n});
  name.resolve = false;
  move_to(name, phase::idle);
  drop_if_done(n);
}

/// What is in hand goes on: a run keeps the definition it began with, a name is given back when its run has ended.
void scheduler::core::handle(jobs_changed&& e) {
  options_.config_hash = e.config_hash;
  options_.max_concurrent_runs = e.max_concurrent_runs;
  const auto before = std::exchange(jobs_, std::move(e.jobs.jobs));
  tags_ = std::move(e.jobs.tags);
  job_states_.resize(jobs_.size());
  queue_.grow(jobs_.size());
  for (job_index j = 0; j < jobs_.size(); ++j) {
    auto& state = job_states_[j];
    if (j < before.size()) {
      std::erase(names_[state.name].jobs, j);
      const bool is_same = before[j].schedule_hash == jobs_[j].schedule_hash && before[j].is_retired == jobs_[j].is_retired;
      if (!is_same) state = {.stopped = state.stopped, .disagrees = state.disagrees};  // what metrics show of it stays till it is known
      queue_.remove(j);
    }
    place(j);
  }
  for (job_index j = 0; j < jobs_.size(); ++j) {
    if (job_states_[j].registered) rearm(j);
    if (job_states_[j].is_due()) want(job_states_[j].name);
  }
  for (name_index n = 0; n < names_.size(); ++n) {
    auto& name = names_[n];
    if (name.at != phase::wanted || !name.jobs.empty() || name.resolve || is_leader_name(name)) continue;
    forget(n);
  }
  register_again_ = true;
  beat_at_ = now_.steady;
}

}  // namespace baton::engine
