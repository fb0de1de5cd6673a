#include "loader.hpp"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>

#include "descriptor_text.hpp"
#include "metric_table.hpp"
#include "scalar.hpp"

namespace baton::plugin_host {
namespace {

constexpr std::uint32_t max_parameters = 256;
constexpr std::size_t max_choices = 256;
constexpr std::size_t max_name = 64;
constexpr std::size_t max_line = 1024;      ///< of a help, a version, a choice
constexpr std::size_t max_fallback = 4096;  ///< which may have lines

failure refused(const std::string& path, const std::string& why) { return {errc::plugin_refused, "plugin " + path + ": " + why}; }

std::string version(unsigned major, unsigned minor) { return std::to_string(major) + "." + std::to_string(minor); }

bool is_name(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

/// Whoever owns a file or its folder can put other code there.
bool is_trusted(uid_t owner) noexcept { return owner == 0 || owner == ::geteuid(); }

std::string wrong_owner(const std::string& what, uid_t owner) {
  return what + " belongs to user " + std::to_string(owner) + ", and may belong to root or to the user of this process only; chown root " +
         what;
}

/// Nobody else may replace it. A sticky folder (/tmp) lets nobody replace what is another's, so it is fine on the way, not at the end.
status check_who_may_write(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return refused(path, std::string{std::strerror(errno)});
  if (!S_ISREG(info.st_mode)) return refused(path, "not a regular file");
  if ((info.st_mode & S_IWOTH) != 0) return refused(path, "everybody may write to the file; chmod o-w " + path);
  if (!is_trusted(info.st_uid)) return refused(path, wrong_owner(path, info.st_uid));
  bool nearest = true;
  for (auto end = path.rfind('/'); end != std::string::npos; end = end == 0 ? std::string::npos : path.rfind('/', end - 1)) {
    const auto folder = end == 0 ? std::string{"/"} : path.substr(0, end);
    if (::stat(folder.c_str(), &info) != 0) return refused(path, folder + ": " + std::strerror(errno));
    if ((info.st_mode & S_IWOTH) != 0 && (nearest || (info.st_mode & S_ISVTX) == 0)) {
      return refused(path, "everybody may write to its folder " + folder + "; chmod o-w " + folder);
    }
    if (nearest && !is_trusted(info.st_uid)) return refused(path, wrong_owner(folder, info.st_uid));
    nearest = false;
  }
  return {};
}

result<parameter> read_parameter(const std::string& path, const baton_parameter& row) {
  parameter p;
  descriptor_texts read;
  p.name = read.line("name", row.name, max_name);
  p.help = read.line("help", row.help, max_line);
  const auto wrong = [&](const std::string& what) { return refused(path, "parameter '" + p.name + "' " + what); };
  if (!read.problem().empty()) return wrong(read.problem());
  if (!is_name(p.name)) return wrong("has a name that is not of a-z, 0-9, _ and -");
  if (row.type < BATON_TYPE_TEXT || row.type > BATON_TYPE_MAP) return wrong("has the unknown type " + std::to_string(row.type));
  static_assert(BATON_TYPE_TEXT == static_cast<int>(parameter_type::text) && BATON_TYPE_MAP == static_cast<int>(parameter_type::text_map));
  p.type = static_cast<parameter_type>(row.type);
  p.required = (row.flags & BATON_PARAMETER_REQUIRED) != 0;
  p.secret = (row.flags & BATON_PARAMETER_SECRET) != 0;
  const bool has_bounds = (row.flags & (BATON_PARAMETER_HAS_MINIMUM | BATON_PARAMETER_HAS_MAXIMUM)) != 0;
  if (has_bounds && p.type != parameter_type::integer && p.type != parameter_type::number && p.type != parameter_type::duration) {
    return wrong("has bounds, which only an integer, a number or a duration can have");
  }
  if ((row.flags & BATON_PARAMETER_HAS_MINIMUM) != 0) p.minimum = row.minimum;
  if ((row.flags & BATON_PARAMETER_HAS_MAXIMUM) != 0) p.maximum = row.maximum;
  if (row.choice_count != 0 && p.type != parameter_type::text) return wrong("has choices, which only a text can have");
  if (row.choice_count > max_choices) return wrong("has more than " + std::to_string(max_choices) + " choices");
  if (row.choice_count != 0 && row.choices == nullptr) return wrong("has choices that point to nothing");
  for (std::size_t i = 0; i < row.choice_count; ++i) p.choices.push_back(read.line("choice", row.choices[i], max_line));
  if ((row.flags & BATON_PARAMETER_HAS_DEFAULT) != 0) {
    if (p.required) return wrong("is required and has a default; it can only be one of them");
    const auto text = read.lines("default", row.fallback, max_fallback);
    if (!read.problem().empty()) return wrong(read.problem());
    auto fallback = parse_fallback(p, text);
    if (!fallback) return wrong("has a default that its own table refuses: " + fallback.error());
    p.fallback = std::move(*fallback);
  }
  if (!read.problem().empty()) return wrong(read.problem());
  return p;
}

}  // namespace

// Fields are read only once the size says that they are there.
result<plugin_description> read_descriptor(const std::string& path, const baton_plugin_descriptor* found) {
  if (found == nullptr) return refused(path, "baton_plugin_entry returned nothing");
  if (found->magic != BATON_ABI_MAGIC)
    return refused(path, "its descriptor does not begin with Baton's magic number; it is not a plugin of Baton's");
  const auto speaks = version(found->abi_major, found->abi_minor);
  const auto ours = version(BATON_ABI_MAJOR, BATON_ABI_MINOR);
  if (found->abi_major != BATON_ABI_MAJOR) {
    return refused(path, "built for plugin ABI " + speaks + ", this host speaks " + ours + "; build it against this release's sdk");
  }
  if (found->abi_minor > BATON_ABI_MINOR) {
    return refused(path, "built for plugin ABI " + speaks + ", this host speaks " + ours +
                             " and older; update the host or build against an older sdk");
  }
  if (found->struct_size < sizeof(baton_plugin_descriptor)) {
    return refused(path, "its descriptor is truncated: " + std::to_string(found->struct_size) + " bytes, ABI " + speaks + " has " +
                             std::to_string(sizeof(baton_plugin_descriptor)));
  }
  plugin_description plugin;
  descriptor_texts read;
  plugin.path = path;
  plugin.name = read.line("name", found->name, max_name);
  plugin.version = read.line("version", found->version, max_line);
  plugin.build_id = read.line("build id", found->build_id, max_line);
  plugin.abi_major = found->abi_major;
  plugin.abi_minor = found->abi_minor;
  plugin.uses_store = (found->flags & BATON_PLUGIN_USES_STORE) != 0;
  if (!read.problem().empty()) return refused(path, "it " + read.problem());
  if (!is_name(plugin.name)) return refused(path, "its name '" + plugin.name + "' is not of a-z, 0-9, _ and -");
  const auto file = path.substr(path.rfind('/') + 1);
  if (file != plugin.name + ".so")
    return refused(path, "the plugin calls itself '" + plugin.name + "'; name the file " + plugin.name + ".so");
  if (found->create == nullptr || found->run == nullptr || found->destroy == nullptr)
    return refused(path, "create, run or destroy is missing");
  if (found->parameter_count > 0 && (found->parameters == nullptr || found->parameter_size < sizeof(baton_parameter))) {
    return refused(path, "its parameter table is truncated");
  }
  if (found->parameter_count > max_parameters) return refused(path, "it has more than " + std::to_string(max_parameters) + " parameters");
  for (std::uint32_t i = 0; i < found->parameter_count; ++i) {
    baton_parameter row;
    std::memcpy(&row, reinterpret_cast<const char*>(found->parameters) + std::size_t{i} * found->parameter_size, sizeof row);
    auto checked = read_parameter(path, row);
    if (!checked) return std::move(checked).error();
    if (std::ranges::any_of(plugin.parameters, [&](const auto& p) { return p.name == checked->name; })) {
      return refused(path, "parameter '" + checked->name + "' is there twice");
    }
    plugin.parameters.push_back(std::move(*checked));
  }
  auto metrics = read_metrics(*found);
  if (const auto* why = std::get_if<std::string>(&metrics)) return refused(path, *why);
  plugin.metrics = std::move(std::get<std::vector<metric>>(metrics));
  return plugin;
}

result<loaded_plugin> load_plugin(const std::string& path) {
  if (path.empty() || path.front() != '/') return refused(path, "the path is not absolute");
  const std::unique_ptr<char, decltype(&std::free)> target{::realpath(path.c_str(), nullptr), &std::free};
  if (target == nullptr) return refused(path, std::string{std::strerror(errno)});
  if (auto checked = check_who_may_write(path); !checked) return std::move(checked).error();
  if (path != target.get()) {
    if (auto checked = check_who_may_write(target.get()); !checked) return std::move(checked).error();
  }
  // Bound at once: a missing symbol is found here, not in the middle of a run. Local: two plugins share nothing by accident.
  // Never closed: thread-locals and unique symbols of C++ make unloading a lottery.
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return refused(path, std::string{"cannot be loaded: "} + ::dlerror());
  void* const entry = ::dlsym(library, "baton_plugin_entry");
  if (entry == nullptr) return refused(path, "exports no function baton_plugin_entry; end it with BATON_PLUGIN(type, name, version)");
  const auto* found = reinterpret_cast<decltype(&baton_plugin_entry)>(entry)();
  auto description = read_descriptor(path, found);
  if (!description) return std::move(description).error();
  return loaded_plugin{std::move(*description), found};
}

result<const loaded_plugin*> plugin_in_use(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, loaded_plugin> in_use;
  {
    const std::scoped_lock guard{mutex};
    if (const auto found = in_use.find(path); found != in_use.end()) return &found->second;
  }
  auto loaded = load_plugin(path);
  if (!loaded) return std::move(loaded).error();
  const std::scoped_lock guard{mutex};
  return &in_use.try_emplace(path, std::move(*loaded)).first->second;
}

result<plugin_description> describe_plugin(const std::string& path) {
  auto loaded = load_plugin(path);
  if (!loaded) return std::move(loaded).error();
  return std::move(loaded->description);
}

}  // namespace baton::plugin_host
