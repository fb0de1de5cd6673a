#pragma once

#include <string>
#include <string_view>

namespace baton::lock {

/// The server-side name of a lock of the scheduler: lower-case ASCII, at most 64 characters, the same on MySQL and MariaDB.
///
/// "baton:<cluster>:<name>" when that fits the safe alphabet (a-z 0-9 . _ -) and the length; else a readable prefix, '#', and 26
/// characters of a hash of the full name. '#' and '~' are outside the alphabet, so that no literal name equals a hashed one or an
/// incarnation's. Stable for ever: golden vectors pin it.
[[nodiscard]] std::string scheduler_name(std::string_view cluster, std::string_view name);

/// The lock that an instance holds for as long as it lives: "baton:<cluster>:~i:<incarnation>".
///
/// `cluster` has at most 28 characters and `incarnation` 25, so that this is never hashed and SQL can build it too.
[[nodiscard]] std::string incarnation_name(std::string_view cluster, std::string_view incarnation);

/// The lock of the one instance that may start runs, with `election: leader`.
[[nodiscard]] std::string leader_name(std::string_view cluster);

/// No lock, but the row of baton_fence that serialises claims of jobs with a limited tag; at most 64 characters.
[[nodiscard]] std::string tag_name(std::string_view cluster, std::string_view tag);

/// The lock of one run, of a job whose runs may overlap: "baton:<cluster>:~r:" and 26 characters of a hash of `run`, which says which.
[[nodiscard]] std::string run_name(std::string_view cluster, std::string_view run);
/// What all of these begin with.
[[nodiscard]] std::string run_name_prefix(std::string_view cluster);

inline constexpr std::size_t max_cluster_length = 28;
inline constexpr std::size_t incarnation_length = 25;

}  // namespace baton::lock
