// A program of a user's: the local store, and nothing of MySQL.
#include <baton/local/store.hpp>

int main() {
  baton::local::options where;
  where.directory = "not/absolute";
  const auto refused = baton::local::store::create(where);
  return !refused && baton::local::store::migration_sql().find("baton_tick") != std::string::npos ? 0 : 1;
}
