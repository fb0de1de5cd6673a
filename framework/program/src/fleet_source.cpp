#include "fleet_source.hpp"

#include <cstdio>
#include <limits>

#include "admin_client.hpp"
#include "configuration.hpp"
#include "exit_codes.hpp"
#include "fleet_json.hpp"

namespace baton::program {

result<boost::json::object> fleet_source::get(const std::string& target) const { return read_admin(socket, target); }

result<boost::json::object> fleet_source::answer(const std::string& what) {
  if (!ledger) return get("/api/v1/" + what);
  fleet_ledger reader{ledger->cluster()};
  auto seen = reader.look(*ledger->control, what == "jobs" ? std::numeric_limits<std::size_t>::max() : 0);
  if (!seen) return std::move(seen).error();
  const fleet_configuration configured{ledger->settings};
  const fleet_facts facts{configured, **seen, nullptr, "", *(*seen)->as_of, ""};
  if (what == "jobs") return jobs_json(facts);
  if (what == "locks") return locks_answer_json(facts);
  return instances_answer_json(facts, {});
}

std::optional<fleet_source> reach_fleet(const fleet_place& where, int& code) {
  if (!where.socket.empty()) return fleet_source{std::nullopt, where.socket};
  if (where.file.empty()) {
    code = tell_usage("which fleet? Give its configuration with -c, or an instance's admin socket with --socket PATH");
    return std::nullopt;
  }
  auto loaded = settings::load(where.file);
  if (!loaded.value) {
    print_problems(loaded.problems);
    code = exit_configuration;
    return std::nullopt;
  }
  auto control = open_control(*loaded.value);
  if (control) return fleet_source{reached_ledger{std::move(*loaded.value), std::move(*control)}, ""};
  const auto socket = admin_socket(*loaded.value);
  if (!socket.empty() && read_admin(socket, "/livez")) {
    std::fprintf(stderr, "baton: %s; the instance at %s is asked instead\n", control.error().context.c_str(), socket.c_str());
    return fleet_source{std::nullopt, socket};
  }
  code = tell(control.error());
  return std::nullopt;
}

}  // namespace baton::program
