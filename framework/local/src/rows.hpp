#pragma once

#include <string>

#include "baton/ledger/records.hpp"
#include "database.hpp"

namespace baton::local {

/// Of baton_tick, in the order in which read_tick_row() expects them. Without `output`, which only people read.
inline const std::string tick_columns =
    "job,tick,kind,lock_name,state,fence,incarnation,instance,attempt,until_tick,tick_count,claimed,started,finished,outcome,reason,"
    "retry_at,cancel,requested,parameters,error";
inline constexpr int tick_column_count = 21;
inline const std::string open_states = "state IN (1,2,3)";  ///< as the index of open rows has it
[[nodiscard]] ledger::tick_row read_tick_row(const cursor& rows);

/// Of baton_job, in the order in which read_standing() expects them.
inline const std::string standing_columns = "paused,configured,stopped,last_stopped,stopped_from,stopped_until";
inline constexpr int standing_column_count = 6;
[[nodiscard]] ledger::job_standing read_standing(const cursor& rows, int first);

/// What becomes of a row whose key is taken.
enum class if_there : std::uint8_t { fail = 1, keep };
void insert_tick_row(database& db, const std::string& cluster, const ledger::tick_row& row, wall_time now, if_there what);

/// Stores how a job stands.
void update_standing(database& db, const std::string& cluster, const std::string& job, const ledger::job_standing& s, wall_time now);

inline constexpr std::size_t text_limit = 4096;

}  // namespace baton::local
