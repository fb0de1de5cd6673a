#pragma once

#include <string>

#include "command_tree.hpp"

namespace baton::program {

// Manual pages in the language of man(7).

/// baton(1): every verb with its options, the exit codes, the environment.
[[nodiscard]] std::string program_manual(const verb_help& program);
/// baton.yaml(5): every key of the configuration.
[[nodiscard]] std::string configuration_manual();

}  // namespace baton::program
