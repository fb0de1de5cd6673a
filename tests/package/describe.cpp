// Loads a plugin as the scheduler does and prints what it says of itself.
#include <cstdio>

#include "baton/plugin_host/parameters.hpp"

int main(int count, char** arguments) {
  if (count != 2) return 64;
  const auto plugin = baton::plugin_host::describe_plugin(arguments[1]);
  if (!plugin) {
    std::fprintf(stderr, "%s\n", plugin.error().context.c_str());
    return 1;
  }
  std::printf("%s %s, ABI %d.%d", plugin->name.c_str(), plugin->version.c_str(), plugin->abi_major, plugin->abi_minor);
  for (const auto& parameter : plugin->parameters) std::printf(", %s", parameter.name.c_str());
  std::printf("\n");
}
