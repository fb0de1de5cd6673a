#include "commands.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>

#include "configuration.hpp"
#include "exit_codes.hpp"
#include "output.hpp"

namespace baton::program {
namespace {

int fail(const failure& why) {
  std::fprintf(stderr, "baton: error: %s\n", why.context.c_str());
  return exit_code_of(why);
}

template <typename Store>
int connect(const result<Store>& store, const settings::settings& s) {
  if (!store) return fail(store.error());
  auto locks = store->open_lock_session();
  if (!locks && locks.error().code != errc::schema_outdated) return fail(locks.error());
  auto ledger = store->open_ledger_session();
  if (!ledger && ledger.error().code == errc::schema_outdated && s.migrate) {
    std::printf("%s: the store can be used; its tables will be created or upgraded by the first instance\n", store->describe().c_str());
    return exit_ok;
  }
  if (!ledger) return fail(ledger.error());
  std::printf("%s: the store can be used\n", store->describe().c_str());
  return exit_ok;
}

int connect(const settings::settings& s) {
  return is_local(s) ? connect(local::store::create(local_store_options(s)), s) : connect(mysql::store::create(store_options(s)), s);
}

template <typename Store>
int migrate(const result<Store>& store) {
  if (!store) return fail(store.error());
  if (auto done = store->migrate(); !done) return fail(done.error());
  std::printf("%s: the tables are current\n", store->describe().c_str());
  return exit_ok;
}

/// For editors and pipelines: lines and columns from 1, in characters.
boost::json::array as_records(const std::vector<settings::problem>& problems) {
  boost::json::array all;
  for (const auto& p : problems) {
    boost::json::object one{{"file", p.where.file},     {"line", p.where.line},
                            {"column", p.where.column}, {"severity", p.is_warning ? "warning" : "error"},
                            {"path", p.path},           {"message", p.message}};
    if (!p.hint.empty()) one["hint"] = p.hint;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

int check_command(const std::string& file, bool show_effective, bool with_store, const std::string& format) {
  const auto checked = load_configuration(file);
  if (format != "table") {
    print_list(as_records(checked.problems), format == "yaml");
    return checked.value ? exit_ok : exit_configuration;
  }
  print_problems(checked.problems);
  if (!checked.value) return exit_configuration;
  if (show_effective) std::fputs(settings::show_effective(checked.value->settings).c_str(), stdout);
  if (with_store) return connect(checked.value->settings);
  if (!show_effective)
    std::printf("%s: %zu job%s, no errors\n", file.c_str(), checked.value->jobs.size(), checked.value->jobs.size() == 1 ? "" : "s");
  return exit_ok;
}

int migrate_command(const std::string& file, bool print_only) {
  if (print_only && file.empty()) {
    std::fputs(mysql::store::migration_sql().c_str(), stdout);
    return exit_ok;
  }
  const auto loaded = settings::load(file);
  print_problems(loaded.problems);
  if (!loaded.value) return exit_configuration;
  if (print_only) {
    const auto sql = is_local(*loaded.value) ? local::store::migration_sql() : mysql::store::migration_sql();
    std::fputs(sql.c_str(), stdout);
    return exit_ok;
  }
  const auto& s = *loaded.value;
  return is_local(s) ? migrate(local::store::create(local_store_options(s))) : migrate(mysql::store::create(store_options(s)));
}

int version_command(const std::string& format) {
  const auto client = mysql::store::client_version();
  if (format == "json") {
    std::printf("{\"version\": \"%s\", \"revision\": \"%s\", \"compiler\": \"%s\", \"mysql_client\": \"%s\"}\n", BATON_VERSION,
                BATON_REVISION, BATON_COMPILER, client.c_str());
  } else if (format == "yaml") {
    std::printf("version: \"%s\"\nrevision: \"%s\"\ncompiler: \"%s\"\nmysql_client: \"%s\"\n", BATON_VERSION, BATON_REVISION,
                BATON_COMPILER, client.c_str());
  } else {
    std::printf("baton %s (%s), %s, %s\n", BATON_VERSION, BATON_REVISION, BATON_COMPILER, client.c_str());
  }
  return exit_ok;
}

}  // namespace baton::program
