// A process that takes a lease again and again, and writes every 2 ms whether it believes to hold it: what bounds_test measures.
//   lock_holder NAME HOST PORT KEY FILE
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "baton/base/system_clock.hpp"
#include "baton/mysql/lock_client.hpp"
#include "baton/testing/private_server.hpp"

namespace {

using namespace baton;
using namespace std::chrono_literals;

/// One line for each event, whole.
class journal {
 public:
  journal(std::string who, const char* file) : who_(std::move(who)), file_(::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
  void write(const std::string& what) {
    const auto now = clock_.now().steady.time_since_epoch().count();
    const auto line = who_ + " " + std::to_string(now) + " " + what + "\n";
    if (::write(file_, line.data(), line.size()) < 0) std::abort();
  }

 private:
  const std::string who_;
  const int file_;
  const system_clock clock_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 64;
  mysql::options where;
  where.user = testing::private_server::user();
  where.password = testing::private_server::password();
  where.database = "baton";
  where.hosts = {{argv[2], static_cast<std::uint16_t>(std::atoi(argv[3]))}};
  where.connect_timeout = 1s;
  where.lease = {500ms, 500ms, 3s, 1500ms, 500ms};
  where.instance = argv[1];
  const auto key = lock::key::from(argv[4], {lock::key_mode::portable, {}});
  auto client = mysql::lock_client::create(where);
  if (!key || !client) return 70;
  journal log{argv[1], argv[5]};

  std::mutex mutex;
  std::shared_ptr<mysql::lease> held;
  std::thread sampler{[&] {
    for (;;) {
      std::shared_ptr<mysql::lease> now;
      {
        const std::lock_guard guard{mutex};
        now = held;
      }
      if (now && now->is_held()) log.write("holds");
      std::this_thread::sleep_for(2ms);
    }
  }};
  log.write("ready");
  for (;;) {
    auto got = (*client)->acquire(*key);
    if (!got) {
      log.write("failed");
      std::this_thread::sleep_for(50ms);
      continue;
    }
    auto lease = std::make_shared<mysql::lease>(std::move(*got));
    log.write("granted " + std::to_string(lease->fence()));
    std::atomic<bool> is_lost = false;
    lease->on_lost([&](lock::loss reason) {
      log.write("lost " + std::string{to_string(reason)});
      is_lost = true;
      is_lost.notify_one();
    });
    {
      const std::lock_guard guard{mutex};
      held = lease;
    }
    is_lost.wait(false);
    const std::lock_guard guard{mutex};
    held.reset();
  }
}
