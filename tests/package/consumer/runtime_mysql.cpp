// An embedding program: baton::runtime + baton::mysql.
#include <baton/base/system_clock.hpp>
#include <baton/mysql/store.hpp>
#include <baton/runtime/scheduler.hpp>

int main() {
  const baton::system_clock clock;
  return clock.now().wall > baton::wall_time{} && !baton::mysql::store::client_version().empty() ? 0 : 1;
}
