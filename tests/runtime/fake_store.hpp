#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "baton/runtime/scheduler.hpp"

namespace baton::runtime::testing {

/// A store in this process's memory that real threads may use: named locks, rows, and connections that can be ended or made to hang.
class fake_store {
 public:
  explicit fake_store(const clock& time) : time_(time) {}

  runtime::store connections() {
    return {[this] { return open_lock(); }, [this] { return open_ledger(); }, std::chrono::seconds{1},
            plugin_host::store_access{"mysql://user@host/database", "secret", "disabled", "", ""}};
  }

  /// As KILL does: the names are free, and the client sees the end of file.
  void end_lock_sessions() {
    const std::lock_guard guard{mutex_};
    for (const auto id : std::set<std::uint64_t>{lock_sessions_}) end(id);
  }
  /// Calls on lock sessions hang until they are interrupted.
  void hang(bool on) {
    const std::lock_guard guard{mutex_};
    hangs_ = on;
  }
  /// Calls on lock sessions do not return at all, interrupted or not.
  void deafen(bool on) {
    const std::lock_guard guard{mutex_};
    is_deaf_ = on;
    changed_.notify_all();
  }
  [[nodiscard]] bool somebody_waits() {
    const std::lock_guard guard{mutex_};
    return waits_ > 0;
  }
  [[nodiscard]] std::vector<ledger::tick_row> rows() {
    const std::lock_guard guard{mutex_};
    std::vector<ledger::tick_row> list;
    for (const auto& [key, row] : rows_) list.push_back(row);
    return list;
  }
  /// Another server, which lacks these rows, is the primary from now on.
  void fail_over(const std::function<bool(const ledger::tick_row&)>& is_lost) {
    const std::lock_guard guard{mutex_};
    identity_.uuid += "+";
    std::erase_if(rows_, [&](const auto& entry) { return is_lost(entry.second); });
    while (!peers_.empty()) end(peers_.begin()->first);
    changed_.notify_all();
  }
  [[nodiscard]] server_identity identity() {
    const std::lock_guard guard{mutex_};
    return identity_;
  }
  [[nodiscard]] std::size_t locks_held() {
    const std::lock_guard guard{mutex_};
    return owners_.size();
  }
  [[nodiscard]] std::size_t lock_sessions() {
    const std::lock_guard guard{mutex_};
    return lock_sessions_.size();
  }

 private:
  static failure gone() { return {errc::store_unavailable, "the connection ended"}; }

  struct connection {
    explicit connection(fake_store& of) : store(of) {
      std::array<int, 2> ends{};
      BATON_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
      ours = ends[0];
      const std::lock_guard guard{store.mutex_};
      id = store.next_id_++;
      store.peers_[id] = ends[1];
    }
    ~connection() {
      {
        const std::lock_guard guard{store.mutex_};
        store.end(id);
      }
      ::close(ours);
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    void interrupt() {
      const std::lock_guard guard{store.mutex_};
      store.end(id);
      store.changed_.notify_all();
    }
    fake_store& store;
    std::uint64_t id = 0;
    int ours = -1;
  };

  struct lock_connection final : lock::session {
    explicit lock_connection(fake_store& of) : link(of), who(of.identity()) {
      const std::lock_guard guard{of.mutex_};
      of.lock_sessions_.insert(link.id);
    }
    template <typename F>
    auto call(F f) -> decltype(f()) {
      std::unique_lock guard{link.store.mutex_};
      auto& of = link.store;
      of.waits_ += of.is_deaf_ ? 1 : 0;
      of.changed_.wait(guard, [&] { return !of.is_deaf_ && (!of.hangs_ || !of.peers_.contains(link.id)); });
      if (!link.store.peers_.contains(link.id)) return gone();
      return f();
    }
    result<std::vector<lock::try_outcome>> try_acquire(std::span<const std::string> names) override {
      return call([&]() -> result<std::vector<lock::try_outcome>> {
        std::vector<lock::try_outcome> outcomes;
        for (const auto& name : names) {
          BATON_ASSERT(!link.store.owners_.contains(name) || link.store.owners_[name] != link.id);  // never asked for twice
          const bool is_new = link.store.owners_.try_emplace(name, link.id).second;
          outcomes.push_back(is_new ? lock::try_outcome::acquired : lock::try_outcome::busy);
        }
        return outcomes;
      });
    }
    result<std::vector<bool>> owned(std::span<const std::string> names) override {
      return call([&]() -> result<std::vector<bool>> {
        std::vector<bool> answers;
        for (const auto& name : names) answers.push_back(link.store.owner_of(name) == link.id);
        return answers;
      });
    }
    result<lock::probe_reply> probe(std::span<const std::string> names) override {
      return call([&]() -> result<lock::probe_reply> {
        lock::probe_reply reply;
        for (const auto& name : names) {
          if (link.store.owner_of(name) != link.id) reply.lost.push_back(name);
        }
        reply.identity = who;
        return reply;
      });
    }
    result<std::vector<lock::release_outcome>> release(std::span<const std::string> names) override {
      return call([&]() -> result<std::vector<lock::release_outcome>> {
        std::vector<lock::release_outcome> outcomes;
        for (const auto& name : names) {
          const bool ours = link.store.owner_of(name) == link.id;
          if (ours) link.store.owners_.erase(name);
          outcomes.push_back(ours ? lock::release_outcome::released : lock::release_outcome::not_held);
        }
        return outcomes;
      });
    }
    std::uint64_t connection_id() const noexcept override { return link.id; }
    const lock::server_identity& identity() const noexcept override { return who; }
    int descriptor() const noexcept override { return link.ours; }
    void interrupt() noexcept override { link.interrupt(); }
    connection link;
    server_identity who;
  };

  struct ledger_connection final : ledger::session {
    explicit ledger_connection(fake_store& of) : link(of), who(of.identity()) {}
    result<bool> hold_incarnation(const std::string& /*cluster*/, const std::string& incarnation) override {
      const std::lock_guard guard{link.store.mutex_};
      return link.store.owners_.try_emplace("incarnation " + incarnation, link.id).second;
    }
    result<std::vector<ledger::registered_job>> register_jobs(const std::string& /*cluster*/,
                                                              std::span<const ledger::job_registration> jobs) override {
      std::vector<ledger::registered_job> list;
      for (const auto& j : jobs) list.push_back({j.job, link.store.time_.now().wall, std::nullopt, false, std::nullopt});
      return list;
    }
    result<ledger::claim_reply> claim(const ledger::claim_request& request) override {
      const std::lock_guard guard{link.store.mutex_};
      auto& s = link.store;
      if (!s.peers_.contains(link.id)) return gone();
      ledger::claim_reply reply{s.time_.now().wall, {}};
      for (const auto& name : request.names) {
        ledger::name_snapshot seen{s.fences_[name.lock_name], {}, {}, {}};
        for (const auto& [key, row] : s.rows_) {
          if (row.lock_name != name.lock_name) continue;
          if (ledger::is_open(row.state)) seen.open.push_back({row, s.owners_.contains("incarnation " + row.incarnation)});
          seen.rows.push_back(row);
        }
        ledger::tag_room room;
        auto plan = ledger::decide(request, name, seen, reply.store_now, room);
        if (s.owner_of(name.lock_name) != name.lock_connection) {
          plan = {};
          plan.reply.lock_name = name.lock_name;
          plan.reply.verdict = ledger::name_verdict::not_owner;
        }
        if (plan.new_fence) s.fences_[name.lock_name] = *plan.new_fence;
        for (const auto& row : plan.inserts) s.rows_[row.key] = row;
        for (const auto& update : plan.updates) s.rows_[update.row.key] = update.row;
        reply.names.push_back(std::move(plan.reply));
      }
      return reply;
    }
    result<std::vector<ledger::finish_outcome>> finish(const std::string& /*cluster*/,
                                                       std::span<const ledger::finish_record> records) override {
      const std::lock_guard guard{link.store.mutex_};
      if (!link.store.peers_.contains(link.id)) return gone();
      std::vector<ledger::finish_outcome> outcomes;
      for (const auto& r : records) {
        auto& row = link.store.rows_.at(r.key);
        const bool is_ours = row.state == ledger::row_state::running && row.fence == r.fence;
        outcomes.push_back(is_ours ? ledger::finish_outcome::written : ledger::finish_outcome::fenced);
        if (!is_ours) continue;
        row.state = r.state();
        row.outcome = r.outcome;
        row.started = r.started;
        row.finished = r.finished;
        row.error = r.error;
      }
      return outcomes;
    }
    result<ledger::reconcile_reply> reconcile(const ledger::reconcile_request& /*request*/) override {
      const std::lock_guard guard{link.store.mutex_};
      if (!link.store.peers_.contains(link.id)) return gone();
      return ledger::reconcile_reply{link.store.time_.now().wall, {}, {}};
    }
    status request_cancel(const std::string& /*cluster*/, std::span<const ledger::tick_key> /*runs*/) override { return {}; }
    result<std::uint64_t> restore(const std::string& /*cluster*/, std::span<const ledger::own_claim> claims) override {
      const std::lock_guard guard{link.store.mutex_};
      if (!link.store.peers_.contains(link.id)) return gone();
      std::uint64_t restored = 0;
      for (const auto& claim : claims) restored += link.store.rows_.try_emplace(claim.row.key, claim.row).second ? 1 : 0;
      return restored;
    }
    result<std::uint64_t> purge(const ledger::purge_request& /*request*/) override { return std::uint64_t{0}; }
    status sign_off(const std::string& /*cluster*/, const std::string& /*incarnation*/) override { return {}; }
    std::uint64_t connection_id() const noexcept override { return link.id; }
    const server_identity& identity() const noexcept override { return who; }
    int descriptor() const noexcept override { return link.ours; }
    void interrupt() noexcept override { link.interrupt(); }
    connection link;
    server_identity who;
  };

  // Under mutex_.
  void end(std::uint64_t id) {
    if (const auto it = peers_.find(id); it != peers_.end()) {
      ::close(it->second);
      peers_.erase(it);
    }
    lock_sessions_.erase(id);
    std::erase_if(owners_, [id](const auto& held) { return held.second == id; });
  }
  std::uint64_t owner_of(const std::string& name) {
    const auto it = owners_.find(name);
    return it == owners_.end() ? 0 : it->second;
  }

  result<std::unique_ptr<lock::session>> open_lock() { return std::unique_ptr<lock::session>{std::make_unique<lock_connection>(*this)}; }
  result<std::unique_ptr<ledger::session>> open_ledger() {
    return std::unique_ptr<ledger::session>{std::make_unique<ledger_connection>(*this)};
  }

  const clock& time_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hangs_ = false;
  bool is_deaf_ = false;
  int waits_ = 0;  ///< calls that began while it was
  server_identity identity_{"fake", 1};
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, int> peers_;  ///< the server's ends of the connections
  std::set<std::uint64_t> lock_sessions_;
  std::map<std::string, std::uint64_t> owners_;
  std::map<std::string, std::uint64_t> fences_;
  std::map<ledger::tick_key, ledger::tick_row> rows_;
};

}  // namespace baton::runtime::testing
