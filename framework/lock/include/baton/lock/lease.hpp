#pragma once

#include <algorithm>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"

namespace baton::lock {

/// The numbers that bound how long a lost lock can go unnoticed (docs/explanation/locking.md).
struct lease_timing {
  microseconds probe = std::chrono::seconds{2};          ///< P: how often each lock session proves that it holds its locks
  microseconds probe_timeout = std::chrono::seconds{4};  ///< R: the longest any call on a lock session may take
  microseconds wait_timeout = std::chrono::seconds{15};  ///< W: the server frees the locks this long after the last byte it received
  microseconds margin = std::chrono::seconds{3};         ///< M: how long before that the holder gives up on its own
  microseconds stop = std::chrono::seconds{1};           ///< S: how long stopping a run may take

  /// W whole seconds and at least 3 s; P <= W/3; R <= W/3; S + 1 s <= M; P + R + 0.5 s <= W - M. The error names the rule and both values.
  [[nodiscard]] status validate() const;

  /// When a lease that was last proven by a statement sent at `sent` counts as lost, whatever the network says.
  [[nodiscard]] boot_time deadline(boot_time sent) const noexcept { return sent + wait_timeout - margin; }

  /// How long the owner of an open row may go on once its lock is ours: its process lives and may be stopped...
  [[nodiscard]] microseconds living_owner_wait() const noexcept { return wait_timeout - margin + stop; }
  /// ... or is gone, or saw the end of its connections.
  [[nodiscard]] microseconds dead_owner_wait() const noexcept { return 2 * stop; }

  /// The longest a call on the ledger session may take. A session of which no more is heard is given up then, and the one that follows
  /// takes the incarnation's lock from it: within M + 2 S of its last byte, of which a second and a half go by between two calls and for
  /// the opening. So whoever finds that lock free, W after the last byte, waits (2 S) until the runs of a living owner are over as well.
  [[nodiscard]] microseconds ledger_timeout() const noexcept {
    using std::chrono::seconds;
    const auto longest = std::max<microseconds>(probe_timeout, seconds{2});
    return std::clamp<microseconds>(margin + 2 * stop - std::chrono::milliseconds{1500}, seconds{1}, longest);
  }

  friend bool operator==(const lease_timing&, const lease_timing&) = default;
};

/// Why a lease ended without its holder's asking. Label values of baton_lock_lost_total.
enum class loss : std::uint8_t { connection = 1, released_elsewhere, not_primary, server_changed, no_quorum, deadline };
[[nodiscard]] std::string_view to_string(loss reason) noexcept;

}  // namespace baton::lock
