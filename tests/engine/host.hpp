#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "baton/engine/scheduler.hpp"
#include "baton/testing/manual_clock.hpp"
#include "baton/testing/memory_store.hpp"

namespace baton::engine {

using namespace std::chrono_literals;

/// One engine on one memory store. Calls are answered at once and take no time, unless a test withholds them; runs go on until the test
/// ends them. W = 3 s, M = 1.5 s, P = R = S = 0.5 s.
class host {
 public:
  host();

  job& add_job(const std::string& name, microseconds period, const std::string& lock_name = "");
  void start();
  void feed(event e) { feed(std::vector{std::move(e)}); }
  void feed(std::vector<event> together) { perform(engine->on(std::move(together), clock.now())); }
  /// Time passes, and the engine is woken whenever it has asked to be.
  void pass(microseconds how_long);
  /// Time passes until the engine orders something of this kind, for ten seconds at most.
  template <typename A>
  void pass_to_next() {
    const auto before = all<A>().size();
    for (int i = 0; i < 1000 && all<A>().size() == before; ++i) pass(10ms);
  }
  /// Time has passed, and nobody was there to notice.
  void jump(microseconds how_long) { clock.advance(how_long); }
  void wake() { perform(engine->advance(clock.now())); }

  /// Actions of this kind are kept unperformed until let_go().
  template <typename A>
  void withhold() {
    withheld_.insert(kind<A>());
  }
  template <typename A>
  void let_go() {
    withheld_.erase(kind<A>());
    carry_out_all(take_kept(kind<A>()));
  }
  /// The oldest one kept; the test answers it, or does not.
  template <typename A>
  std::optional<A> take() {
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
      if (!std::holds_alternative<A>(*it)) continue;
      auto a = std::get<A>(*it);
      kept_.erase(it);
      return a;
    }
    return std::nullopt;
  }
  /// What the store makes of an action, and what the engine would be told.
  std::optional<event> carry_out(const action& a);

  /// All actions of a kind so far, in order.
  template <typename A>
  [[nodiscard]] std::vector<A> all() const {
    std::vector<A> list;
    for (const auto& a : log) {
      if (const auto* one = std::get_if<A>(&a)) list.push_back(*one);
    }
    return list;
  }
  template <typename N>
  [[nodiscard]] std::vector<N> notes() const {
    std::vector<N> list;
    for (const auto& a : log) {
      const auto* n = std::get_if<note>(&a);
      if (n == nullptr) continue;
      if (const auto* one = std::get_if<N>(n)) list.push_back(*one);
    }
    return list;
  }
  void forget() { log.clear(); }

  void end_run(run_id id, ledger::run_outcome outcome = ledger::run_outcome::success);
  [[nodiscard]] ledger::tick_row row(const std::string& job, microseconds tick_after_start) const;
  [[nodiscard]] bool has_row(const std::string& job, microseconds tick_after_start) const;
  [[nodiscard]] testing::memory_store::connection lock_connection() const { return connection_of(true); }
  [[nodiscard]] testing::memory_store::connection ledger_connection() const { return connection_of(false); }
  [[nodiscard]] session_id lock_session() const { return session_of(true); }
  [[nodiscard]] session_id ledger_session() const { return session_of(false); }
  /// The server ends a connection; the host sees the end of file.
  void kill(session_id id);

  testing::manual_clock clock;
  wall_time began = clock.now().wall;
  testing::memory_store store{clock};
  options opts;
  std::vector<job> jobs;
  std::vector<ledger::tag_limit> tags;
  std::unique_ptr<scheduler> engine;
  std::vector<action> log;
  std::vector<start_run> running;
  bool exited = false;
  bool store_refuses = false;  ///< new connections
  int wakes = 0;

 private:
  struct session {
    testing::memory_store::connection connection = 0;
    bool is_lock = false;
  };
  template <typename A>
  static std::size_t kind() {
    return action{A{}}.index();
  }
  void perform(std::vector<action> actions);
  void carry_out_all(std::vector<action> actions);
  std::vector<action> take_kept(std::size_t kind);
  [[nodiscard]] testing::memory_store::connection connection_of(bool is_lock) const { return sessions_.at(session_of(is_lock)).connection; }
  [[nodiscard]] session_id session_of(bool is_lock) const;
  [[nodiscard]] std::vector<ledger::job_registration> registrations() const;

  std::map<session_id, session> sessions_;
  std::set<std::size_t> withheld_;
  std::vector<action> kept_;
};

}  // namespace baton::engine
