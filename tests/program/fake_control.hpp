#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "baton/ledger/control.hpp"
#include "baton/ledger/run_id.hpp"

namespace baton::program {

inline const wall_time noon = *from_rfc3339("2026-11-26T12:00:00Z");

/// A ledger in memory, and the sessions that people and tools have to it.
struct fake_ledger {
  std::mutex mutex;
  wall_time now = noon;
  std::vector<ledger::job_record> jobs;
  std::vector<ledger::instance_record> instances;
  std::vector<ledger::tick_row> rows;
  std::vector<ledger::run_order> orders;
  std::atomic<bool> is_away{false};
  std::atomic<bool> ends_a_session{false};  ///< the next call finds its session ended
  std::atomic<int> calls{0};
  std::atomic<int> sessions{0};
  std::function<void()> on_call;  ///< in the middle of each

  void register_job(const std::string& name) {
    ledger::job_record record;
    record.job = name;
    record.lock_name = "baton:c:" + name;
    jobs.push_back(record);
  }
  ledger::tick_row& add(const std::string& job, std::chrono::seconds before_noon, ledger::row_state state, ledger::run_outcome outcome) {
    ledger::tick_row row;
    row.key = {job, noon - before_noon, ledger::tick_kind::schedule};
    row.lock_name = "baton:c:" + job;
    row.state = state;
    row.outcome = outcome;
    row.attempt = 1;
    row.fence = rows.size() + 1;
    row.instance = "east";
    row.incarnation = "i";
    row.claimed = row.key.tick;
    if (state == ledger::row_state::finished) row.finished = row.key.tick + std::chrono::seconds{1};
    return rows.emplace_back(row);
  }
};

class fake_control final : public ledger::control {
 public:
  explicit fake_control(fake_ledger& at) : at_(at) { ++at_.sessions; }
  ~fake_control() override { --at_.sessions; }

  result<wall_time> now() override {
    return call([&]() -> result<wall_time> { return at_.now; });
  }
  result<std::vector<ledger::job_record>> jobs(const std::string&) override {
    return call([&]() -> result<std::vector<ledger::job_record>> { return at_.jobs; });
  }
  result<std::vector<ledger::instance_record>> instances(const std::string&) override {
    return call([&]() -> result<std::vector<ledger::instance_record>> { return at_.instances; });
  }
  result<std::vector<ledger::tick_row>> rows(const std::string&, const ledger::row_query& q) override {
    return call([&]() -> result<std::vector<ledger::tick_row>> {
      const auto order = [](const ledger::tick_key& k) { return std::tie(k.tick, k.job, k.kind); };
      auto all = at_.rows;
      std::erase_if(all, [&](const auto& row) {
        return (!q.job.empty() && row.key.job != q.job) || (q.only_open && !is_open(row.state)) || (q.from && row.key.tick < *q.from) ||
               (q.to && row.key.tick >= *q.to) || (q.after && order(row.key) >= order(*q.after));
      });
      std::ranges::sort(all, [&](const auto& a, const auto& b) { return order(a.key) > order(b.key); });
      if (all.size() > q.limit) all.resize(q.limit);
      return all;
    });
  }
  status set_paused(const std::string&, const std::string& job, bool paused) override {
    return call([&]() -> status {
      const auto found = std::ranges::find(at_.jobs, job, &ledger::job_record::job);
      if (found == at_.jobs.end()) return failure{errc::not_found, "there is no job '" + job + "'"};
      found->standing.paused = paused;
      found->standing.settle(at_.now);
      return {};
    });
  }
  result<std::vector<ledger::tick_key>> order(const std::string&, const std::vector<ledger::run_order>& runs) override {
    return call([&]() -> result<std::vector<ledger::tick_key>> {
      std::vector<ledger::tick_key> keys;
      for (const auto& run : runs) {
        at_.orders.push_back(run);
        keys.push_back({run.job, run.tick.value_or(at_.now), ledger::tick_kind::trigger});
      }
      return keys;
    });
  }
  result<ledger::cancel_outcome> cancel(const std::string&, const ledger::tick_key& run) override {
    return call([&]() -> result<ledger::cancel_outcome> {
      const auto found = std::ranges::find(at_.rows, run, &ledger::tick_row::key);
      if (found == at_.rows.end()) return ledger::cancel_outcome::unknown;
      return is_open(found->state) ? ledger::cancel_outcome::requested : ledger::cancel_outcome::not_open;
    });
  }

 private:
  template <typename Call>
  auto call(Call what) -> decltype(what()) {
    ++at_.calls;
    if (at_.on_call) at_.on_call();
    if (at_.is_away || at_.ends_a_session.exchange(false)) return failure{errc::store_unavailable, "the store is away"};
    const std::lock_guard lock{at_.mutex};
    return what();
  }
  fake_ledger& at_;
};

}  // namespace baton::program
