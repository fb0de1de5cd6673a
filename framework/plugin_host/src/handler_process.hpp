#pragma once

#include "system.hpp"

namespace baton::plugin_host {

/// The life of the process that runs plugin code, from just after fork() to _exit(): it has a process group of its own, waits for what it
/// is to run, says everything over `channel`, and takes its whole group with it when the supervisor is gone. After a run that left nothing
/// behind that it can see (descriptors, threads, another directory, environment, mask, user, much memory) it says so and waits for the next
/// one.
[[noreturn]] void run_handler_process(unique_fd channel) noexcept;

}  // namespace baton::plugin_host
