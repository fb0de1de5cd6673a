// Mutual exclusion with everybody who uses the same server and the same key.
#include <baton/lock/named_lock.hpp>
#include <baton/mysql/lock_client.hpp>
#include <iostream>

#include "connection.hpp"

using namespace std::chrono_literals;
using baton::lock::key;
using baton::lock::named_lock;
using baton::lock::scoped_lock;

// [session]
baton::result<void> run() {
  auto client = baton::mysql::lock_client::create(connection_from_environment());
  if (!client) return std::move(client).error();
  auto session = (*client)->open_session();  // kept alive by the client, for as long as it lives
  if (!session) return std::move(session).error();
  // [session]

  {
    // [acquire]
    const auto name = key::from("reports:monthly", {baton::lock::key_mode::portable, {}});
    if (!name) return name.error();
    named_lock lock{**session, *name};

    if (auto got = lock.acquire(baton::lock::blocking::yes, 2.5s)) {
      std::cout << "nobody else makes the report now: " << lock.describe() << "\n";
      if (auto released = lock.release(); !released) return released;  // lock_lost: somebody else may have held it meanwhile
    } else if (got.is_busy()) {
      std::cout << "somebody else has been making it for the last 2.5 s\n";
    } else {
      return got.error();
    }
    // [acquire]

    // [scope]
    {
      auto held = scoped_lock::hold(lock, 10s);  // time-out: errc::timed_out
      if (!held) return std::move(held).error();
      std::cout << "held until the end of this scope, whatever happens in it\n";
    }
    // [scope]
    std::cout << lock.describe() << "\n";
  }
  // [again]
  if (!(*session)->is_alive()) {  // the locks of this one are free, and there are none left on it
    session = (*client)->open_session();
    if (!session) return std::move(session).error();
  }
  // [again]
  return {};
}

int main() {
  if (auto done = run(); !done) {
    std::cerr << to_string(done.error().code) << ": " << done.error().context << "\n";
    return 1;
  }
  return 0;
}
