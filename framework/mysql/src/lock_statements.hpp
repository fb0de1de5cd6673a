#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baton/lock/session.hpp"
#include "baton/lock/waiting_session.hpp"
#include "connection.hpp"
#include "server.hpp"

// The statements of lock sessions and what their answers mean, whoever sends them.
namespace baton::mysql {

/// `name` as a literal that means the same under any sql_mode.
void append_name(std::string& sql, std::string_view name);

// ---- many names in one statement: a column for each, no FROM, which would evaluate it for each row

[[nodiscard]] std::string try_acquire_sql(std::span<const std::string> names);
[[nodiscard]] result<std::vector<lock::try_outcome>> read_try_acquire(std::vector<result_set>&& answers,
                                                                      std::span<const std::string> names);
[[nodiscard]] std::string owned_sql(std::span<const std::string> names);
[[nodiscard]] result<std::vector<bool>> read_owned(std::vector<result_set>&& answers, std::span<const std::string> names);
[[nodiscard]] std::string release_sql(std::span<const std::string> names);
[[nodiscard]] result<std::vector<lock::release_outcome>> read_release(std::vector<result_set>&& answers,
                                                                      std::span<const std::string> names);

[[nodiscard]] std::string probe_sql(std::span<const std::string> names, const server& of);
/// What a probe tells without asking name by name: `lost` stays empty, and `all_held` says whether it may.
struct probe_answer {
  lock::probe_reply reply;
  bool all_held = false;
};
[[nodiscard]] result<probe_answer> read_probe(std::vector<result_set>&& answers, std::span<const std::string> names, const server& of);

// ---- one name, with a wait

/// One wait in the server's queue. MySQL counts a wait in whole seconds, so that a fraction is a time limit of the statement there.
struct wait_statement {
  std::string sql;
  microseconds answer_after{};  ///< the server answers by then
  bool is_whole = true;         ///< false: the limit is longer than one statement may wait; another one follows
  bool is_limited = false;      ///< by the statement's own time limit, whose expiry is then the end of the wait
};
[[nodiscard]] wait_statement acquire_sql(std::string_view name, lock::time_limit limit, lock::reentry again, flavour kind);

/// What the answer to a wait means. After an error on a live connection nobody knows who won - the grant, or what ended the wait - so
/// that the session is asked.
struct wait_verdict {
  result<lock::wait_outcome> outcome;
  bool ask_owner = false;     ///< `outcome` holds if the session turns out not to hold the name
  bool keep_if_held = false;  ///< then it was acquired; else it is given back
  bool is_granted = false;    ///< the server has counted one more, though the wait was cancelled meanwhile
};
[[nodiscard]] wait_verdict judge_wait(result<std::vector<result_set>>&& answers, const wait_statement& asked, unsigned error_number,
                                      std::string_view name, bool is_cancelled);

}  // namespace baton::mysql
