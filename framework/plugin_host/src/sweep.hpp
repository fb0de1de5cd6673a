#pragma once

#include <sys/types.h>

#include <optional>

namespace baton::plugin_host {

/// Kills the process group of `handler` and then every descendant of this process, wherever it fled (another group, another session,
/// the background), reaps them all, and returns when there is none left: the handler's status as waitpid() gives it.
///
/// Needs PR_SET_CHILD_SUBREAPER, so that an orphan becomes a child of this process, and a process that has no other children.
/// Waits for as long as something cannot be killed (a process of another user, one in an uninterruptible call).
std::optional<int> kill_descendants(pid_t handler) noexcept;

/// This process has no child but `handler`, as far as the kernel shows.
[[nodiscard]] bool is_only_child(pid_t handler) noexcept;

/// Reaps orphans that have ended by themselves, but not the handler, whose number guards its group's.
void reap_orphans(pid_t handler) noexcept;

}  // namespace baton::plugin_host
