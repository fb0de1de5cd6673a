#include <unistd.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdio>
#include <filesystem>

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

/// Two sessions on the directory: what one takes, the other has to see.
result<mysql::examination> examine_local(const settings::settings& s) {
  const auto store = local::store::create(local_store_options(s));
  if (!store) return store.error();
  mysql::examination found;
  found.is_reachable = true;
  const auto tell = [&](const char* subject, mysql::verdict verdict, std::string sentence) {
    found.findings.push_back({store->describe(), subject, verdict, std::move(sentence)});
    found.is_fit = verdict != mysql::verdict::unfit;
  };
  tell("scope", mysql::verdict::advice, "it serves this host alone; instances on other hosts need store.url: mysql://...");
  if (!std::filesystem::exists(s.store.directory)) {
    tell("directory", mysql::verdict::advice, "it is not there yet; the first instance makes it");
    return found;
  }
  auto first = store->open_lock_session();
  if (!first && first.error().code == errc::schema_outdated && s.migrate) {
    tell("tables", mysql::verdict::advice, "the first instance makes or upgrades them");
    return found;
  }
  if (!first) return tell("directory", mysql::verdict::unfit, first.error().context), found;
  tell("directory", mysql::verdict::fit, "on a disk of this host, not open to everybody");
  auto ledger = store->open_ledger_session();
  if (!ledger) return tell("tables", mysql::verdict::unfit, ledger.error().context), found;
  tell("tables", mysql::verdict::fit, "of this release");
  auto second = store->open_lock_session();
  const std::vector<std::string> name{"baton:~doctor:" + std::to_string(::getpid())};
  const auto taken = (*first)->try_acquire(name);
  if (!taken) return tell("writable", mysql::verdict::unfit, taken.error().context), found;
  const auto proof = (*first)->probe(name);
  const auto is_writable = proof && proof->writable;
  tell("writable", is_writable ? mysql::verdict::fit : mysql::verdict::unfit,
       is_writable ? "this account may write it" : "it is read-only for this account: remount it, or name another directory");
  if (!is_writable) return found;
  const auto again = second ? (*second)->try_acquire(name) : result<std::vector<lock::try_outcome>>{second.error()};
  const bool is_exclusive = again && again->front() == lock::try_outcome::busy;
  tell("two sessions", is_exclusive ? mysql::verdict::fit : mysql::verdict::unfit,
       is_exclusive ? "a lock of one is seen by the other"
                    : "a lock of one is not seen by the other: this file system has no working flock(); name another directory");
  return found;
}

}  // namespace

int doctor_command(const std::string& file, const std::string& format) {
  const auto loaded = settings::load(file);
  print_problems(loaded.problems);
  if (!loaded.value) return exit_configuration;
  const auto& s = *loaded.value;
  const auto found = is_local(s) ? examine_local(s) : mysql::examine(store_options(s), {s.max_clock_offset, s.max_connections});
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
