#include <cstdio>
#include <optional>

#include "admin_client.hpp"
#include "commands.hpp"
#include "configuration.hpp"
#include "control.hpp"
#include "exit_codes.hpp"

namespace baton::program {
namespace {

/// The socket of the instance that is meant; nullopt: none is known, and why was printed.
std::optional<std::string> find_socket(const std::string& file, const std::string& socket, int& code) {
  if (!socket.empty()) return socket;
  std::string found;
  if (file.empty()) {
    found = admin_socket({});
  } else {
    const auto loaded = settings::load(file);
    if (!loaded.value) {
      print_problems(loaded.problems);
      code = exit_configuration;
      return std::nullopt;
    }
    found = admin_socket(*loaded.value);
  }
  if (!found.empty()) return found;
  code = tell_usage("which instance? Set http.socket in its configuration and give that with -c, or give --socket PATH");
  return std::nullopt;
}

/// What the instance answers, on stdout when it did as it was told.
int ask(const std::string& socket, const char* target) {
  const auto answer = ask_admin(socket, target);
  if (!answer) return tell(answer.error());
  for (const auto& problem : answer->problems) std::fputs(problem.c_str(), stderr);
  if (answer->ok) {
    std::printf("%s\n", answer->message.c_str());
    return exit_ok;
  }
  std::fprintf(stderr, "baton: error: %s\n", answer->message.c_str());
  return answer->is_for_later ? exit_try_later : exit_configuration;
}

}  // namespace

int reload_command(const std::string& file, const std::string& socket) {
  int code = exit_ok;
  const auto at = find_socket(file, socket, code);
  return at ? ask(*at, "/api/v1/reload") : code;
}

int drain_command(const std::string& file, const std::string& socket, bool wait) {
  int code = exit_ok;
  const auto at = find_socket(file, socket, code);
  if (!at) return code;
  code = ask(*at, "/api/v1/drain");
  if (code == exit_ok && wait) await_end_of(*at);
  return code;
}

}  // namespace baton::program
