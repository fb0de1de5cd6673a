#include "baton/lock/name.hpp"
#include "baton/testing/memory_store.hpp"

namespace baton::testing {
namespace {

/// Waits for nobody: time stands still here, so that what is held stays held.
class memory_lock_session final : public lock::waiting_session {
 public:
  memory_lock_session(memory_store& store, microseconds wait_timeout)
      : store_(store), id_(store.connect(wait_timeout)), identity_(store.identity()) {}
  ~memory_lock_session() override { store_.disconnect(id_); }

  result<std::vector<lock::try_outcome>> try_acquire(std::span<const std::string> names) override { return store_.get_locks(id_, names); }
  result<std::vector<bool>> owned(std::span<const std::string> names) override { return store_.owned(id_, names); }
  result<lock::probe_reply> probe(std::span<const std::string> names) override { return store_.probe(id_, names); }
  result<std::vector<lock::release_outcome>> release(std::span<const std::string> names) override {
    if (auto& count = counts_[names.front()]; count > 1) {
      --count;
      return std::vector{lock::release_outcome::released};
    }
    counts_.erase(names.front());
    return store_.release_locks(id_, names);
  }
  [[nodiscard]] std::uint64_t connection_id() const noexcept override { return id_; }
  [[nodiscard]] const lock::server_identity& identity() const noexcept override { return identity_; }
  [[nodiscard]] int descriptor() const noexcept override { return -1; }
  void interrupt() noexcept override { store_.disconnect(id_); }

  result<lock::wait_reply> acquire(const std::string& name, lock::time_limit /*limit*/, lock::reentry again,
                                   std::stop_token stop) override {
    if (stop.stop_requested()) return failure{errc::cancelled, name + ": cancelled"};
    const std::vector<std::string> names{name};
    const auto held = store_.owned(id_, names);
    if (!held) return failure{held.error()};
    if (held->front()) {
      if (again == lock::reentry::refuse) return failure{errc::held_by_this_session, name + ": held by this session"};
      ++counts_[name];
      return lock::wait_reply{lock::wait_outcome::acquired, {}};
    }
    const auto got = store_.get_locks(id_, names);
    if (!got) return failure{got.error()};
    if (got->front() == lock::try_outcome::busy) return lock::wait_reply{lock::wait_outcome::busy, {}};
    counts_[name] = 1;
    return lock::wait_reply{lock::wait_outcome::acquired, {}};
  }
  result<std::uint64_t> release_all() override {
    std::uint64_t all = 0;
    for (const auto& [name, count] : std::exchange(counts_, {})) {
      all += count;
      const std::vector<std::string> names{name};
      if (auto released = store_.release_locks(id_, names); !released) return std::move(released).error();
    }
    ++generation_;
    return all;
  }
  [[nodiscard]] std::uint64_t generation() const noexcept override { return generation_; }
  [[nodiscard]] bool is_alive() const noexcept override { return store_.is_open(id_); }
  result<std::optional<lock::holder>> find_holder(const std::string& name) override {
    const auto owner = store_.owner_of(name);
    if (!owner) return std::optional<lock::holder>{};
    return std::optional{lock::holder{*owner, {}, {}, {}}};
  }
  result<std::vector<std::string>> held_names(std::string_view prefix) override {
    std::vector<std::string> names;
    for (const auto& [name, count] : counts_) {
      if (name.starts_with(prefix)) names.push_back(name);
    }
    return names;
  }
  [[nodiscard]] lock::counters counters() const override { return {}; }
  void warn(const std::string& message) noexcept override { store_.warnings.push_back(message); }

 private:
  memory_store& store_;
  memory_store::connection id_;
  lock::server_identity identity_;
  std::map<std::string, std::uint64_t> counts_;
  std::uint64_t generation_ = 0;
};

class memory_ledger_session final : public ledger::session {
 public:
  memory_ledger_session(memory_store& store, microseconds wait_timeout)
      : store_(store), id_(store.connect(wait_timeout)), identity_(store.identity()) {}
  ~memory_ledger_session() override { store_.disconnect(id_); }

  result<bool> hold_incarnation(const std::string& cluster, const std::string& incarnation) override {
    return store_.hold_incarnation(id_, cluster, incarnation);
  }
  result<std::vector<ledger::registered_job>> register_jobs(const std::string& cluster,
                                                            std::span<const ledger::job_registration> jobs) override {
    return store_.register_jobs(id_, cluster, jobs);
  }
  result<ledger::claim_reply> claim(const ledger::claim_request& request) override {
    memory_store::claim_transaction transaction{store_, id_, request};
    while (transaction.next() != memory_store::claim_transaction::step::done) transaction.advance();
    return transaction.reply();
  }
  result<std::vector<ledger::finish_outcome>> finish(const std::string& cluster, std::span<const ledger::finish_record> records) override {
    return store_.finish(id_, cluster, records);
  }
  result<ledger::reconcile_reply> reconcile(const ledger::reconcile_request& request) override { return store_.reconcile(id_, request); }
  status request_cancel(const std::string& cluster, std::span<const ledger::tick_key> runs) override {
    return store_.request_cancel(id_, cluster, runs);
  }
  result<std::uint64_t> restore(const std::string& cluster, std::span<const ledger::own_claim> claims) override {
    return store_.restore(id_, cluster, claims);
  }
  result<std::uint64_t> purge(const ledger::purge_request& request) override { return store_.purge(id_, request); }
  status sign_off(const std::string& cluster, const std::string& incarnation) override {
    return store_.sign_off(id_, cluster, incarnation);
  }
  [[nodiscard]] std::uint64_t connection_id() const noexcept override { return id_; }
  [[nodiscard]] const server_identity& identity() const noexcept override { return identity_; }
  [[nodiscard]] int descriptor() const noexcept override { return -1; }
  void interrupt() noexcept override { store_.disconnect(id_); }

 private:
  memory_store& store_;
  memory_store::connection id_;
  server_identity identity_;
};

}  // namespace

std::unique_ptr<lock::waiting_session> memory_store::open_lock_session(microseconds wait_timeout) {
  return std::make_unique<memory_lock_session>(*this, wait_timeout);
}

std::unique_ptr<ledger::session> memory_store::open_ledger_session(microseconds wait_timeout) {
  return std::make_unique<memory_ledger_session>(*this, wait_timeout);
}

}  // namespace baton::testing
