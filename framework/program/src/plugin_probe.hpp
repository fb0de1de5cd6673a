#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "baton/base/time.hpp"
#include "baton/plugin_host/parameters.hpp"
#include "baton/sdk/abi.h"

namespace baton::program {

/// A plugin's own functions, called in this process with a host that does nothing but answer. For checks, in a process of their own.
class plugin_probe {
 public:
  /// Loads it and asks for its descriptor; a plugin that the plugin host refuses is not given to this.
  explicit plugin_probe(const std::string& path);

  [[nodiscard]] const baton_plugin_descriptor* descriptor() const { return descriptor_; }
  /// Asks once more.
  [[nodiscard]] const baton_plugin_descriptor* ask_again() const { return entry_(); }

  /// create, run - asked to stop after this long - and destroy. The answer says which function an exception left; empty: none.
  struct lifecycle {
    bool is_created = false;
    std::string reason;  ///< why create() failed
    std::string escaped;
  };
  [[nodiscard]] lifecycle create_and_destroy(const plugin_host::values& with) const;
  [[nodiscard]] lifecycle run(const plugin_host::values& with, microseconds stop_after) const;

 private:
  [[nodiscard]] lifecycle call(const plugin_host::values& with, std::optional<microseconds> stop_after) const;

  // Not noexcept, as the ABI's are: what leaves them can be caught here.
  const baton_plugin_descriptor* (*entry_)() = nullptr;
  const baton_plugin_descriptor* descriptor_ = nullptr;
};

/// What a process holds, for seeing it grow.
struct holdings {
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::size_t heap = 0;  ///< bytes in use
};
[[nodiscard]] holdings holdings_now();

}  // namespace baton::program
