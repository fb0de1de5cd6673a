#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "baton/lock/async_session.hpp"
#include "baton/lock/attempt.hpp"
#include "baton/lock/key.hpp"
#include "baton/mysql/lease.hpp"
#include "baton/mysql/store.hpp"

namespace baton::mysql {

class lock_client_core;

struct lock_client_options {
  /// Connections at most, those that wait for a lock, the one for fences and sessions that were opened included. What would need one more
  /// fails with errc::over_budget. Not counted: the second connection by which an opening session is checked, and one that kills a
  /// cancelled wait; each lives for milliseconds.
  std::size_t max_connections = 8;
  /// Each lease carries a number that rises with every holder; needs the tables (store::migrate()) and costs one commit. Without it a
  /// lease is as safe, but nobody can refuse a late write of a holder that does not know that it is one no more.
  bool fences = true;
  std::size_t locks_per_connection = 512;  ///< MariaDB's cost of a lock grows with the number that its session holds
};

/// How a client is doing; all since it was made, but for the first three.
struct lock_client_report {
  std::size_t connections = 0;
  std::size_t waiting = 0;  ///< of them, those that wait for a lock
  std::size_t leases = 0;
  lock::counters counters;
};

/// Leases of named locks: taken, proven again and again on threads of its own, and told of when lost.
///
/// What is not waited for shares connections; each wait has one of its own, so that a wait never keeps a proof from being asked for. A
/// thousand waits are a thousand connections and no thread.
/// Thread safety: any thread.
/// Fork: a client is its process's, whose threads a forked child has not got. There, leave it alone - not even destroy it - and make
/// another.
/// Lifetime: its leases, sessions and elections end with it. Destroying it gives every lock back and ends pending waits with
/// errc::cancelled; it waits for connections that are being opened, for options::connect_timeout at most.
class lock_client {
 public:
  /// Connects to nothing yet. Errors: as store::create(); invalid_argument for options that allow nothing.
  [[nodiscard]] static result<std::unique_ptr<lock_client>> create(options where, lock_client_options how = {});
  ~lock_client();
  lock_client(const lock_client&) = delete;
  lock_client& operator=(const lock_client&) = delete;

  /// Waits for the lock: for ever by default; zero is one try.
  ///
  /// Errors: invalid_key: with an upper case or non-ASCII letter (an exact key), so that the servers do not agree about it; over_budget;
  /// cancelled by `stop`; deadlock and interrupted: as waiting_session::acquire(); lock_lost: granted, and lost before its fence was taken;
  /// and of opening a connection: store_unavailable, store_unfit, access_denied, schema_outdated (store::migrate() makes the tables of
  /// fences). After any of them the lock is not held.
  /// Not to be called on the client's own threads, in callbacks: there, async_acquire().
  [[nodiscard]] lock::attempt<lease> acquire(const lock::key& name, lock::time_limit limit = {}, std::stop_token stop = {});

  using ticket = std::uint64_t;
  /// The same without blocking; `done` is called once, on a thread of the client's.
  ticket async_acquire(const lock::key& name, lock::time_limit limit, std::function<void(lock::attempt<lease>)> done);
  /// That acquire is then done with errc::cancelled, unless it has got its lease.
  void cancel(ticket t);

  /// A session for named_lock that is kept alive by probes while nothing else is sent on it.
  [[nodiscard]] result<std::unique_ptr<lock::waiting_session>> open_session();
  /// A session for async_named_lock, kept alive too. `done` is called once, on a thread of the client's.
  void async_open_session(std::function<void(result<std::shared_ptr<lock::async_session>>)> done);

  /// Who holds the lock now; nullopt: nobody. Advice only: it may be out of date before it is read. Blocks.
  [[nodiscard]] result<std::optional<lock::holder>> find_holder(const lock::key& name);
  [[nodiscard]] result<bool> is_free(const lock::key& name);
  /// The locks below `prefix` that anybody holds, where the account may see that (performance_schema.metadata_locks on MySQL, the plugin
  /// metadata_lock_info on MariaDB), else those of this client's leases. Blocks.
  [[nodiscard]] result<std::vector<std::string>> held_names(std::string_view prefix);

  [[nodiscard]] lock_client_report report() const;

 private:
  friend class lock_client_core;
  explicit lock_client(std::shared_ptr<lock_client_core> core) : core_(std::move(core)) {}
  std::shared_ptr<lock_client_core> core_;
};

}  // namespace baton::mysql
