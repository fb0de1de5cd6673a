#include "baton/base/result.hpp"

#include <cstdio>

namespace baton {

std::string_view to_string(errc code) noexcept {
  switch (code) {
    case errc::invalid_argument: return "invalid_argument";
    case errc::invalid_configuration: return "invalid_configuration";
    case errc::invalid_key: return "invalid_key";
    case errc::not_found: return "not_found";
    case errc::io: return "io";
    case errc::internal: return "internal";
    case errc::already_exists: return "already_exists";
    case errc::store_unavailable: return "store_unavailable";
    case errc::store_unfit: return "store_unfit";
    case errc::store_timeout: return "store_timeout";
    case errc::store_busy: return "store_busy";
    case errc::store_query: return "store_query";
    case errc::schema_outdated: return "schema_outdated";
    case errc::access_denied: return "access_denied";
    case errc::already_locked: return "already_locked";
    case errc::not_locked: return "not_locked";
    case errc::lock_lost: return "lock_lost";
    case errc::interrupted: return "interrupted";
    case errc::deadlock: return "deadlock";
    case errc::held_by_this_session: return "held_by_this_session";
    case errc::wrong_thread: return "wrong_thread";
    case errc::operation_in_progress: return "operation_in_progress";
    case errc::cancelled: return "cancelled";
    case errc::timed_out: return "timed_out";
    case errc::over_budget: return "over_budget";
    case errc::stale_fence: return "stale_fence";
    case errc::wrong_process: return "wrong_process";
    case errc::plugin_refused: return "plugin_refused";
    case errc::spawn_failed: return "spawn_failed";
  }
  return "unknown";
}

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "baton: %s:%d: assertion failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace baton
