#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>

#include "baton/base/utf8.hpp"
#include "baton/mysql/examination.hpp"
#include "commands.hpp"
#include "configuration.hpp"
#include "exit_codes.hpp"
#include "output.hpp"

namespace baton::program {
namespace {

void print_table(const mysql::examination& found) {
  std::string endpoint;
  for (const auto& f : found.findings) {
    if (f.endpoint != endpoint) std::printf("%s\n", f.endpoint.c_str());
    endpoint = f.endpoint;
    const auto* const mark = f.verdict == mysql::verdict::fit ? "ok" : f.verdict == mysql::verdict::advice ? "advice" : "UNFIT";
    std::printf("  %-7s %-13s %s\n", mark, f.subject.c_str(), f.sentence.c_str());
  }
  std::printf("%s\n", found.is_fit ? "The store can be used." : "The store cannot be used as it is.");
}

void print_json(const mysql::examination& found, bool as_yaml) {
  boost::json::array all;
  for (const auto& f : found.findings) {
    const auto text = [](std::string_view s) { return boost::json::string{valid_utf8(s)}; };
    all.push_back(boost::json::object{{"endpoint", text(f.endpoint)},
                                      {"subject", text(f.subject)},
                                      {"verdict", text(to_string(f.verdict))},
                                      {"sentence", text(f.sentence)}});
  }
  print_list(all, as_yaml);
}

}  // namespace

int doctor_command(const std::string& file, const std::string& format) {
  const auto loaded = settings::load(file);
  print_problems(loaded.problems);
  if (!loaded.value) return exit_configuration;
  const auto& s = *loaded.value;
  const auto found = mysql::examine(store_options(s), {s.max_clock_offset, s.max_connections});
  if (!found) {
    std::fprintf(stderr, "baton: error: %s\n", found.error().context.c_str());
    return exit_code_of(found.error());
  }
  if (format == "table") {
    print_table(*found);
  } else {
    print_json(*found, format == "yaml");
  }
  if (!found->is_reachable) return exit_unavailable;
  return found->is_fit ? exit_ok : exit_negative;
}

}  // namespace baton::program
