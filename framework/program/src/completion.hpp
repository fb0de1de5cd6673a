#pragma once

#include <string>

#include "command_tree.hpp"

namespace baton::program {

// Scripts for the shells, made from the tree of verbs. Names of jobs are asked of the program, which reads the file given with -c.

[[nodiscard]] std::string bash_completion(const verb_help& program);
[[nodiscard]] std::string zsh_completion(const verb_help& program);
[[nodiscard]] std::string fish_completion(const verb_help& program);

}  // namespace baton::program
