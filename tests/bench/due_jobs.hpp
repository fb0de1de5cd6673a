#pragma once

// Jobs that are due again whenever one likes, and their way through the ledger.
#include "baton/lock/name.hpp"
#include "bed.hpp"

namespace baton::bench {

/// `count` jobs of a cluster, due again at every turn.
struct due_jobs {
  due_jobs(private_server& server, const mysql::store& at, std::string cluster_name, std::size_t count,
           const std::string& database = "baton")
      : cluster(std::move(cluster_name)), locks(need(at.open_lock_session())), ledger(need(at.open_ledger_session())) {
    std::vector<ledger::job_registration> all;
    for (std::size_t i = 0; i < count; ++i) {
      jobs.push_back("job-" + std::to_string(i));
      names.push_back(lock::scheduler_name(cluster, jobs.back()));
      all.push_back({jobs.back(), names.back(), "hash"});
    }
    (void)need(ledger->hold_incarnation(cluster, "incarnation"));
    (void)need(ledger->register_jobs(cluster, all));
    (void)need(server.exec("UPDATE " + database + ".baton_job SET effective_since='2020-01-01'"));
    for (std::size_t i = 0; i < names.size(); i += 500)
      (void)need(locks->try_acquire(std::span{names}.subspan(i, std::min<std::size_t>(500, names.size() - i))));
    tick = need(ledger->claim({})).store_now - std::chrono::seconds{5};
  }

  std::string cluster;
  std::unique_ptr<lock::session> locks;
  std::unique_ptr<ledger::session> ledger;
  std::vector<std::string> jobs;
  std::vector<std::string> names;
  wall_time tick{};
};

/// All of them claimed and finished.
inline void turn(due_jobs& due) {
  ledger::claim_request request;
  request.cluster = due.cluster;
  request.incarnation = "incarnation";
  request.instance = "bench";
  const auto before = due.tick;
  due.tick += microseconds{1};
  for (std::size_t i = 0; i < due.jobs.size(); ++i) {
    auto& name = request.names.emplace_back();
    name.lock_name = due.names[i];
    name.lock_connection = due.locks->connection_id();
    name.held_for = name.lock_session_age = std::chrono::seconds{60};
    auto& job = name.jobs.emplace_back();
    job.job = due.jobs[i];
    job.decided_until = before;
    job.ticks = {due.tick};
  }
  const auto reply = need(due.ledger->claim(request));
  std::vector<ledger::finish_record> ended;
  for (const auto& name : reply.names) {
    if (!name.run) throw std::runtime_error{"not claimed"};
    ended.push_back({name.run->key, name.run->fence, ledger::run_outcome::success, {}, reply.store_now, reply.store_now, "", ""});
  }
  for (const auto outcome : need(due.ledger->finish(due.cluster, ended))) {
    if (outcome != ledger::finish_outcome::written) throw std::runtime_error{"fenced"};
  }
}

}  // namespace baton::bench
