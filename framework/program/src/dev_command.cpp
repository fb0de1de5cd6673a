#include <cstdio>

#include "commands.hpp"
#include "exit_codes.hpp"

namespace baton::program {

int dev_command(const dev_options& options) {
  (void)options;
  std::fputs("baton: error: dev is not built in\n", stderr);
  return exit_internal;
}

}  // namespace baton::program
