#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "baton/base/result.hpp"

namespace baton::admin {

struct health {
  bool ok = true;
  std::vector<std::string> reasons;  ///< why not, or what is worth knowing although all is well
};

/// What became of a change that was asked for.
struct outcome {
  bool ok = true;
  std::string message;
  std::vector<std::string> problems;  ///< why not
};

/// What the server asks the program.
///
/// Thread safety: called from the server's own thread, one at a time. They must not wait for the store or for the scheduler: let the
/// scheduler leave a snapshot behind, and read that. What they throw becomes a status of 500.
struct callbacks {
  std::function<std::string()> metrics_text;
  std::function<health()> livez;   ///< the process and its scheduler are alive; never false because of the store
  std::function<health()> readyz;  ///< runs can start here
  /// Begins a change. `done` is called once, when it is over, from any thread, also after the server's end.
  using change = std::function<void(std::function<void(outcome)> done)>;
  change reload = {};  ///< of the configuration; none: there is no such route
  change drain = {};   ///< no new run from now on
};

/// The HTTP listener of an instance: GET and HEAD of /metrics, /livez and /readyz, over TCP and, if asked for, a unix socket.
///
/// Through the unix socket, whose file's mode says who may, also POST of /api/v1/reload and /api/v1/drain. A page in a browser cannot
/// send what they need: Content-Type application/json and X-Baton-Request: 1.
///
/// It has a thread and an event loop of its own, with all signals blocked, so that a scrape or a slow client never delays a tick and a
/// busy scheduler never delays a probe of its health.
///
/// A request over TCP must name, in Host, an address, localhost, the machine's host name or one of `host_names`: a page in somebody's
/// browser whose name was pointed here (DNS rebinding) does not get an answer.
///
/// Lifetime: a process that writes to sockets elsewhere ignores SIGPIPE; this server does not raise it.
class server {
 public:
  struct limits {
    std::size_t connections = 64;  ///< on each listener; further clients wait in its queue until one ends
    std::size_t header_bytes = 8 * 1024;
    std::size_t body_bytes = 64 * 1024;
    std::size_t scrapes = 8;  ///< answers of /metrics under way at once, each a text of megabytes; further ones get a 503
    std::chrono::milliseconds read_timeout = std::chrono::seconds{10};    ///< for a whole request, and for a connection at rest
    std::chrono::milliseconds write_timeout = std::chrono::seconds{30};   ///< for a whole answer
    std::chrono::milliseconds change_timeout = std::chrono::seconds{60};  ///< for a change to be over; it goes on all the same
  };
  struct options {
    std::string host = "127.0.0.1";  ///< an IPv4 or IPv6 address, or localhost; empty: no TCP
    std::uint16_t port = 9687;       ///< 0: any that is free
    std::string socket;              ///< path of the unix socket, mode 0660; empty: none. What a dead process left there is replaced
    std::vector<std::string> host_names;
    limits bounds;
  };

  /// Listens when it returns. Errors: invalid_argument for an address or a path that cannot be one, io when it is taken or not allowed.
  [[nodiscard]] static result<std::unique_ptr<server>> start(options opts, callbacks calls);

  /// As stop().
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// The TCP port it listens on; 0: none.
  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Closes every connection at once and waits for a callback that is running. Not from a callback; more than once does no harm.
  void stop() noexcept;

 private:
  class state;
  explicit server(std::unique_ptr<state> made) noexcept;

  std::unique_ptr<state> state_;
};

}  // namespace baton::admin
