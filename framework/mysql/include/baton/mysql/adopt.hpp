#pragma once

// Knows the client library, as guard.hpp does and no other public header: for programs that have a MYSQL* of their own.
#include <mysql.h>

#include <memory>
#include <optional>

#include "baton/base/result.hpp"
#include "baton/lock/waiting_session.hpp"
#include "baton/mysql/lock_client.hpp"
#include "baton/mysql/store.hpp"

namespace baton::mysql {

struct adopt_options {
  microseconds answer_timeout = std::chrono::seconds{4};  ///< the longest that a statement may take, apart from the wait it asks for
  /// The same server, for a second connection: what cancels a wait. Without it, a wait with a stop token is refused.
  std::optional<store> control = {};
  std::shared_ptr<const clock> time = std::make_shared<system_clock>();
  std::function<void(const std::string&)> on_warning = {};
};

/// Named locks on a connection that the program already has, next to what else it does there.
///
/// The connection stays the program's: nothing but what the statements of named locks need is sent on it, no setting is changed, and
/// nothing keeps it alive or proves that its locks are still held. Beware of pools: one that hands the connection to somebody else, or
/// resets it (COM_RESET_CONNECTION, mysql_change_user), frees every lock without a word. Of automatic reconnecting: the same.
///
/// Errors: store_unavailable: not connected; store_unfit: the server cannot be used, or the connection's character set is not utf8mb4.
/// Lifetime: `handle` outlives the session. Destroying the session releases nothing by itself.
/// Thread safety: a MYSQL* is for one thread at a time, the session's calls included.
[[nodiscard]] result<std::unique_ptr<lock::waiting_session>> adopt(MYSQL* handle, adopt_options how = {});

/// The same for async_named_lock, on the loop of `client`, whose server it has to be, and over which waits are cancelled. Blocks for the
/// few statements that look the server over; it does not count against the client's budget.
///
/// Thread safety: the program does not use `handle` while an operation is under way. Lifetime: as all sessions of the client.
[[nodiscard]] result<std::shared_ptr<lock::async_session>> adopt(lock_client& client, MYSQL* handle);

}  // namespace baton::mysql
