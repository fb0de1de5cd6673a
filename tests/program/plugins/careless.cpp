// A plugin on the bare ABI that breaks the rule it is told to break: what `baton plugin test` has to find.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "baton/sdk/abi.h"

namespace {

constexpr baton_string text(std::string_view s) { return {s.data(), s.size()}; }

struct instance {
  const baton_host* host;
  std::string how;
  std::string name;
};

std::string value_of(const baton_host* host, std::string_view name) {
  baton_value value{};
  value.struct_size = sizeof value;
  if (host->get_value(host->context, text(name), &value) == 0) return {};
  return {value.text.data, value.text.size};
}

std::uint32_t create(const baton_host* host, void** out) noexcept {
  auto* me = new instance{host, value_of(host, "how"), value_of(host, "name")};
  if (me->how == "keep_descriptors") (void)::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (me->how == "refuse") {
    host->set_result(host->context, text("not today"));
    delete me;
    return BATON_STATUS_FAILED;
  }
  *out = me;
  return BATON_STATUS_OK;
}

std::uint32_t run(void* self) {
  const auto& me = *static_cast<instance*>(self);
  if (me.how == "throw") throw std::runtime_error{"out of the plugin"};
  if (me.how == "keep_memory") {
    [[maybe_unused]] static void* volatile kept;
    kept = std::malloc(100);
  }
  if (me.how == "dislike_long_names" && me.name.size() > 1000) std::abort();
  if (me.how == "share") {
    static std::atomic<int> running = 0;
    if (++running > 1) std::abort();
    ::usleep(50'000);
    --running;
  }
  if (me.how == "hang") {
    while (true) ::pause();
  }
  return BATON_OUTCOME_SUCCESS;
}

void destroy(void* self) noexcept { delete static_cast<instance*>(self); }

constexpr baton_parameter parameter(std::string_view name, std::uint32_t flags) {
  baton_parameter p{};
  p.name = text(name);
  p.help = text("for a test");
  p.type = BATON_TYPE_TEXT;
  p.flags = flags;
  return p;
}
const baton_parameter parameters[] = {parameter("how", BATON_PARAMETER_REQUIRED), parameter("name", BATON_PARAMETER_HAS_DEFAULT)};

}  // namespace

const baton_plugin_descriptor* baton_plugin_entry() noexcept {
  static baton_plugin_descriptor d{};
  d.magic = BATON_ABI_MAGIC;
  d.struct_size = sizeof d;
  d.abi_major = BATON_ABI_MAJOR;
  d.abi_minor = BATON_ABI_MINOR;
  d.name = text(PLUGIN_NAME);
  d.version = text("1");
  d.build_id = text("test");
  d.parameters = parameters;
  d.parameter_count = 2;
  d.parameter_size = sizeof(baton_parameter);
  d.create = create;
  d.run = reinterpret_cast<std::uint32_t (*)(void*) noexcept>(run);  // a promise that it does not keep
  d.destroy = destroy;
#ifdef MOODY
  ++d.flags;
#endif
  return &d;
}

#ifdef OPEN
BATON_EXPORT void one_symbol_more();
void one_symbol_more() {}
#endif
