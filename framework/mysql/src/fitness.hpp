#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "baton/base/result.hpp"
#include "connection.hpp"
#include "server.hpp"

// What a server must be, said once: by whoever opens a session, and by `baton doctor`.
namespace baton::mysql {

struct server_facts {
  version kind;
  std::string version_text;
  std::map<std::string, std::string, std::less<>> variables;  ///< global ones, as SHOW VARIABLES prints them

  [[nodiscard]] std::string value(std::string_view name) const;
  [[nodiscard]] bool is_on(std::string_view name) const;
};

/// VERSION() alone: what has to be known before a session can be set up. Errors: store_unfit.
[[nodiscard]] result<server_facts> read_version(connection& session);
[[nodiscard]] status read_variables(connection& session, server_facts& facts);

/// One thing to look at. Errors of the verdict: store_unfit, in one sentence with its cure.
struct fitness_check {
  std::string_view subject;
  status (*verdict)(const server_facts& facts);
};
/// What keeps a server from being used.
[[nodiscard]] std::span<const fitness_check> fitness_checks() noexcept;
/// What it can be used with, and better without.
[[nodiscard]] std::span<const fitness_check> advice_checks() noexcept;

/// GET_LOCK must do what it says, and CONNECTION_ID() must stay ours from packet to packet.
[[nodiscard]] status check_named_lock(connection& session, const std::string& nonce);
/// A lock of `one` must be seen by `two`, or the two do not reach the same server.
[[nodiscard]] status check_from_second_session(connection& one, connection& two, const std::string& nonce);

}  // namespace baton::mysql
