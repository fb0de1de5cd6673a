#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/server_identity.hpp"
#include "baton/lock/lease.hpp"

namespace baton::lock {

using baton::server_identity;

enum class try_outcome : std::uint8_t { acquired = 1, busy };

enum class release_outcome : std::uint8_t {
  released = 1,
  not_held,  ///< free or another's: the lease had been lost before
};

struct probe_reply {
  std::vector<std::string> lost;  ///< of the names asked for, those that this session does not hold
  bool writable = true;           ///< neither read_only nor super_read_only
  bool quorum = true;             ///< false: fewer than a majority of the group is reachable
  server_identity identity;
};

/// A dedicated store connection that holds many named locks and runs nothing that can block. It never reconnects.
///
/// Every call is one round trip and blocks; the caller bounds it with interrupt(). After errc::store_unavailable the session is dead
/// and holds nothing for sure; after any other error the connection lives and owned() tells which names it holds.
///
/// Thread safety: one call at a time, from any thread; interrupt() at any time from any thread.
class session {
 public:
  virtual ~session() = default;
  session() = default;
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  /// GET_LOCK(name, 0) for each, in one statement. Never for a name it holds: the server would grant it again.
  /// Errors: never "busy" - NULL, an interruption or a deadlock are failures of the whole call, some names may then be held.
  [[nodiscard]] virtual result<std::vector<try_outcome>> try_acquire(std::span<const std::string> names) = 0;

  /// Which of the names this session holds now; NULL counts as not.
  [[nodiscard]] virtual result<std::vector<bool>> owned(std::span<const std::string> names) = 0;

  /// Proves the leases: each name still held, server writable, with quorum, the same one.
  [[nodiscard]] virtual result<probe_reply> probe(std::span<const std::string> names) = 0;

  [[nodiscard]] virtual result<std::vector<release_outcome>> release(std::span<const std::string> names) = 0;

  /// The id by which the server knows this connection; IS_USED_LOCK answers it.
  [[nodiscard]] virtual std::uint64_t connection_id() const noexcept = 0;
  [[nodiscard]] virtual const server_identity& identity() const noexcept = 0;

  /// The socket, to watch for its end between calls; readable then means: ended, or about to. -1 if there is none to watch.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;

  /// Ends the connection under a running call, which then fails; every later call fails too.
  virtual void interrupt() noexcept = 0;
};

}  // namespace baton::lock
