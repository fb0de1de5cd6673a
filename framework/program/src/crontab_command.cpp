#include "crontab_command.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "baton/schedule/zone.hpp"
#include "control.hpp"
#include "crontab.hpp"
#include "crontab_words.hpp"
#include "exit_codes.hpp"

namespace baton::program {
namespace {

/// The zone of this machine's clocks, by which its cron goes. Empty: nothing says.
std::string local_zone() {
  std::error_code error;
  const auto target = std::filesystem::read_symlink("/etc/localtime", error).string();
  constexpr std::string_view folder = "/zoneinfo/";
  if (const auto at = target.find(folder); at != std::string::npos) return target.substr(at + folder.size());
  std::ifstream in{"/etc/timezone"};
  std::string name;
  std::getline(in, name);
  return std::string{trimmed(name)};
}

}  // namespace

int crontab_command(const crontab_options& options) {
  const bool is_stdin = options.file == "-";
  const auto refused = [&](const char* why) {
    std::fprintf(stderr, "baton: error: %s cannot be read: %s\n", options.file.c_str(), why);
    return exit_configuration;
  };
  std::error_code ignored;
  if (!is_stdin && std::filesystem::is_directory(options.file, ignored)) return refused("it is a folder");
  std::ifstream in;
  if (!is_stdin) in.open(options.file, std::ios::binary);
  if (!is_stdin && !in) return refused(std::strerror(errno));
  const std::string text{std::istreambuf_iterator<char>{is_stdin ? std::cin : in}, {}};
  const auto zone = options.timezone.empty() ? local_zone() : options.timezone;
  const auto found = schedule::zone::find(zone.empty() ? "UTC" : zone);
  if (const auto* bad = std::get_if<schedule::syntax_error>(&found)) return tell_usage("--timezone: " + bad->message);
  const auto name = is_stdin ? std::string{"crontab"} : options.file;
  if (zone.empty())
    std::fprintf(stderr, "%s: this machine does not say its time zone, so UTC is taken; --timezone names another\n", name.c_str());
  const auto imported = import_crontab(text, {name, options.is_system, options.cluster, zone.empty() ? "UTC" : zone});
  std::fputs(imported.yaml.c_str(), stdout);
  for (const auto& note : imported.notes) std::fprintf(stderr, "%s\n", note.c_str());
  std::fprintf(stderr, "%zu job%s, %zu left out\n", imported.job_count, imported.job_count == 1 ? "" : "s", imported.left_out);
  return imported.left_out == 0 ? exit_ok : exit_negative;
}

}  // namespace baton::program
