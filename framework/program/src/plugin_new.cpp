#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "exit_codes.hpp"
#include "plugin_commands.hpp"
#include "plugin_templates.hpp"

namespace baton::program {
namespace {

namespace fs = std::filesystem;

/// Why a plugin cannot be called so; empty: it can.
std::string objection(const std::string& name) {
  // What CMake has targets of its own for.
  static constexpr std::array taken{"all", "clean", "edit_cache", "help", "install", "package", "rebuild_cache", "test"};
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_fine = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  if (name.empty() || !is_letter(name.front()) || !std::ranges::all_of(name, is_fine))
    return "a plugin's name is of a-z, 0-9, _ and -, and begins with a letter";
  if (name.size() > 64) return "it has more than 64 characters";
  if (std::ranges::find(taken, name) != taken.end()) return "CMake has a target of that name";
  return {};
}

std::string filled_in(std::string text, const std::string& name) {
  auto identifier = name;
  std::ranges::replace(identifier, '-', '_');
  const auto replace_all = [&text](const std::string& word, const std::string& by) {
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size())) text.replace(at, word.size(), by);
  };
  replace_all("@NAME@", name);
  replace_all("@IDENTIFIER@", identifier);
  return text;
}

std::string file_name(std::string_view name, const std::string& plugin) {
  return name.starts_with("NAME") ? plugin + std::string{name.substr(4)} : std::string{name};
}

/// What cmake has to be told to find Baton: nothing if the folder of this program is on PATH, where it looks by itself.
std::string prefix_option() {
  std::error_code ignored;
  const auto folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const char* path = std::getenv("PATH");
  std::istringstream entries{path == nullptr ? "" : path};
  for (std::string entry; std::getline(entries, entry, ':');) {
    if (!entry.empty() && fs::equivalent(entry, folder, ignored)) return {};
  }
  const auto package = fs::path{BATON_PLUGIN_SUBDIRECTORY}.parent_path().parent_path() / "cmake/baton";
  const auto prefix = folder.parent_path();
  return " -DCMAKE_PREFIX_PATH=" + (fs::exists(prefix / package, ignored) ? prefix.string() : "<where Baton is installed>");
}

int fail(const std::string& what, int error) {
  std::fprintf(stderr, "baton: error: %s: %s\n", what.c_str(), std::strerror(error));
  return error == EACCES || error == EPERM || error == EROFS ? exit_permission : exit_internal;
}

}  // namespace

int plugin_new_command(const std::string& name) {
  if (const auto why = objection(name); !why.empty()) {
    std::fprintf(stderr, "baton: error: no plugin can be called '%s': %s\n", name.c_str(), why.c_str());
    return exit_usage;
  }
  std::error_code error;
  const fs::path folder{name};
  if (fs::exists(folder, error) && (!fs::is_directory(folder, error) || !fs::is_empty(folder, error))) {
    std::fprintf(stderr, "baton: error: ./%s is there already, and is no empty folder; choose another name, or remove it\n", name.c_str());
    return exit_negative;
  }
  fs::create_directory(folder, error);
  if (error) return fail("./" + name, error.value());
  for (const auto& file : plugin_templates()) {
    const auto path = folder / file_name(file.name, name);
    errno = 0;
    std::ofstream out{path};
    out << filled_in(std::string{file.text}, name) << std::flush;
    if (!out) return fail(path.string(), errno);
    std::printf("%s\n", path.c_str());
  }
  std::fprintf(stderr, "next: cd %s && cmake -B build%s && cmake --build build && ctest --test-dir build\n", name.c_str(),
               prefix_option().c_str());
  return exit_ok;
}

}  // namespace baton::program
