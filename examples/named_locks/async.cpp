// The same in coroutines on Boost.Asio: nothing blocks the thread.
#include <baton/mysql/asio/async_named_lock.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <iostream>

#include "connection.hpp"

namespace asio = boost::asio;
using namespace std::chrono_literals;

// [coroutine]
asio::awaitable<int> exclusively(baton::mysql::lock_client& client, baton::lock::key name) {
  auto session = co_await baton::mysql::async_open_session(client, asio::use_awaitable);
  if (!session) {
    std::cerr << session.error().context << "\n";
    co_return 1;
  }
  baton::mysql::async_named_lock lock{*session, name, {.contextual_timeout = 5s}};
  const auto held = co_await lock.async_hold(asio::use_awaitable);  // released when the coroutine ends, or is cancelled
  if (!held) {
    std::cerr << held.error().context << "\n";
    co_return 1;
  }
  std::cout << "alone, and the event loop goes on: " << lock.describe() << "\n";
  co_return 0;
}
// [coroutine]

int main() {
  auto client = baton::mysql::lock_client::create(connection_from_environment());
  if (!client) {
    std::cerr << client.error().context << "\n";
    return 1;
  }
  asio::io_context io;
  int code = 1;
  asio::co_spawn(io, exclusively(**client, *baton::lock::key::from("example:async")), [&](std::exception_ptr thrown, int result) {
    if (!thrown) code = result;
  });
  io.run();
  return code;
}
