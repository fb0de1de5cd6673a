// The named-lock library alone: baton::lock + baton::mysql.
#include <baton/lock/name.hpp>
#include <baton/mysql/store.hpp>

int main() {
  const auto refused = baton::mysql::store::create({});
  return !refused && baton::lock::scheduler_name("billing", "nightly") == "baton:billing:nightly" ? 0 : 1;
}
