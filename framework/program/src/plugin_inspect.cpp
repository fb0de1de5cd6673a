#include <boost/json/object.hpp>
#include <cstdio>

#include "exit_codes.hpp"
#include "output.hpp"
#include "plugin_commands.hpp"
#include "plugin_file.hpp"
#include "plugin_table.hpp"

namespace baton::program {

int plugin_inspect_command(const std::string& file, const std::string& format) {
  const auto plugin = describe_file(file);
  if (!plugin) {
    std::fprintf(stderr, "baton: error: %s\n", plugin.error().context.c_str());
    return exit_code_of(plugin.error());
  }
  if (format == "table") {
    std::fputs(describe(*plugin).c_str(), stdout);
  } else {
    print_object(as_json(*plugin), format == "yaml");
  }
  return exit_ok;
}

}  // namespace baton::program
