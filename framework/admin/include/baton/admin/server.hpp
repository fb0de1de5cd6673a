#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "baton/base/result.hpp"

namespace baton::admin {

struct health {
  bool ok = true;
  std::vector<std::string> reasons;  ///< why not, or what is worth knowing although all is well
};

/// GET of a resource below /api/v1: "runs" with its query, "job" with the job's name in `object`. "events" asks for the data of the first
/// event of a stream.
struct question {
  std::string what;
  std::string object;
  std::vector<std::pair<std::string, std::string>> query;
  [[nodiscard]] const std::string* find(std::string_view name) const noexcept {
    for (const auto& [key, value] : query) {
      if (key == name) return &value;
    }
    return nullptr;
  }
};

/// POST of a change: trigger, pause and resume of a job, cancel of a run, reload and drain.
struct order {
  std::string verb;
  std::string object;  ///< the job, or the run
  std::string body;    ///< as sent
  std::string who;     ///< "uid 1000" through the unix socket, "token" over TCP, "nobody" without it
};

/// What the program answers to either.
struct said {
  unsigned status = 200;
  std::string json;
};
using say = std::function<void(said)>;

/// What the server asks the program.
///
/// Thread safety: called from the server's own thread, one at a time. They must not wait for the store or for the scheduler: let the
/// scheduler leave a snapshot behind, and read that, or answer later. What they throw becomes a status of 500.
struct callbacks {
  std::function<std::string()> metrics_text;
  std::function<health()> livez;   ///< the process and its scheduler are alive; never false because of the store
  std::function<health()> readyz;  ///< runs can start here
  /// Answers a question. `done` is called at most once, from any thread, also after the server's end.
  std::function<void(question, say done)> read = {};  ///< none: there are no such routes
  /// Answers at once, with what is known: after answer_timeout nobody waits for `read` any more.
  std::function<said(const question&)> known = {};
  /// Begins a change. `done` as above, when it is over.
  std::function<void(order, say done)> change = {};  ///< none: there are no such routes
  /// A change was asked for by somebody who may not: a code such as "token_needed".
  std::function<void(const order&, std::string_view code)> refused = {};
  /// How many clients follow the events from now on.
  std::function<void(std::size_t)> watched = {};
};

/// The HTTP listener of an instance: GET and HEAD of /metrics, /livez, /readyz and what is below /api/v1, over TCP and, if asked for, a
/// unix socket.
///
/// A change is a POST with Content-Type application/json and X-Baton-Request: 1, which a page of another origin cannot send in a browser;
/// what Origin and Sec-Fetch-Site call foreign is refused too. Through the unix socket, whose file's mode says who may, nothing else is
/// needed; over TCP the token.
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
    std::size_t scrapes = 8;   ///< answers of /metrics under way at once, each a text of megabytes; further ones get a 503
    std::size_t watchers = 8;  ///< clients that follow the events; they are none of the connections above. Further ones get a 503
    std::chrono::milliseconds answer_timeout = std::chrono::seconds{2};   ///< for a question; then what is known is the answer
    std::chrono::milliseconds heartbeat = std::chrono::seconds{15};       ///< of a stream of events
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
    std::string admin_token = {};  ///< for changes over TCP; empty: there are none
  };

  /// Listens when it returns. Errors: invalid_argument for an address or a path that cannot be one, io when it is taken or not allowed.
  [[nodiscard]] static result<std::unique_ptr<server>> start(options opts, callbacks calls);

  /// As stop().
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// The TCP port it listens on; 0: none.
  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Tells those who follow the events; the last 1,000 are kept for those who come back. `data` is JSON. From any thread, also after
  /// stop().
  void publish(std::string event, std::string data);

  /// Closes every connection at once and waits for a callback that is running. Not from a callback; more than once does no harm.
  void stop() noexcept;

 private:
  class state;
  explicit server(std::unique_ptr<state> made) noexcept;

  std::unique_ptr<state> state_;
};

}  // namespace baton::admin
