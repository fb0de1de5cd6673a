#include "baton/local/store.hpp"

#include "control.hpp"
#include "database.hpp"
#include "directory.hpp"
#include "ledger_session.hpp"
#include "lock_session.hpp"
#include "schema.hpp"

namespace baton::local {
namespace {

struct opened {
  std::shared_ptr<const directory> where;
  std::unique_ptr<database> db;
};

/// With tables of this release.
result<opened> open(const options& how) {
  auto where = directory::open(how.directory);
  if (!where) return std::move(where).error();
  auto db = database::open(*where, database::if_missing::fail);
  if (!db) return std::move(db).error();
  if (auto current = check_schema(**db); !current) return std::move(current).error().in(how.directory.string());
  return opened{std::move(*where), std::move(*db)};
}

}  // namespace

result<store> store::create(options wanted) {
  if (!wanted.directory.is_absolute())
    return failure{errc::invalid_argument,
                   "the local store needs an absolute path, got '" + wanted.directory.string() + "': write local:///var/lib/baton"};
  wanted.directory = wanted.directory.lexically_normal();
  return store{std::move(wanted)};
}

result<std::unique_ptr<lock::session>> store::open_lock_session() const {
  auto made = open(options_);
  if (!made) return std::move(made).error().in("lock session");
  auto identity = read_identity(*made->db);
  if (!identity) return std::move(identity).error().in("lock session");
  return std::unique_ptr<lock::session>{std::make_unique<lock_session>(std::move(made->where), std::move(*identity))};
}

result<std::unique_ptr<ledger::session>> store::open_ledger_session() const {
  auto made = open(options_);
  if (!made) return std::move(made).error().in("ledger session");
  auto identity = read_identity(*made->db);
  if (!identity) return std::move(identity).error().in("ledger session");
  return std::unique_ptr<ledger::session>{
      std::make_unique<ledger_session>(std::move(made->where), std::move(made->db), options_.time, std::move(*identity))};
}

result<std::unique_ptr<ledger::control>> store::open_control() const {
  auto made = open(options_);
  if (!made) return std::move(made).error();
  return std::unique_ptr<ledger::control>{std::make_unique<control>(std::move(made->where), std::move(made->db), options_.time)};
}

status store::migrate() const {
  auto where = directory::open(options_.directory);
  if (!where) return std::move(where).error().in("migrate");
  auto db = database::open(*where, database::if_missing::create);
  if (!db) return std::move(db).error().in("migrate");
  auto done = migrate_schema(**db, options_.time->now().wall);
  if (!done) return std::move(done).error().in("migrate");
  return done;
}

std::string store::migration_sql() { return full_schema_sql(); }

std::string store::describe() const { return "local://" + options_.directory.string(); }

}  // namespace baton::local
