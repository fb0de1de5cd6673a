#include "baton/admin/server.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "event_ring.hpp"
#include "host_check.hpp"
#include "listener.hpp"
#include "routes.hpp"

namespace baton::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using stream = beast::basic_stream<asio::generic::stream_protocol>;
using http_request = http::request<http::string_body>;

constexpr std::chrono::milliseconds pause_when_out_of_descriptors{100};
constexpr std::chrono::seconds farewell_time{1};
constexpr std::size_t farewell_bytes = 1 << 20;
constexpr std::size_t most_at_once = 64 * 1024;  // of events in one write
constexpr std::string_view event_type = "text/event-stream";

/// One listener and the clients that came through it.
struct entrance {
  listener socket;
  bool checks_host;
  std::size_t clients = 0;
  asio::steady_timer* room = nullptr;  // cancelled when a client leaves
};

/// Undoes something when a coroutine ends, also when its frame is destroyed at stop.
template <typename Undo>
struct on_leaving {
  explicit on_leaving(Undo action) : undo(std::move(action)) {}
  on_leaving(const on_leaving&) = delete;
  on_leaving& operator=(const on_leaving&) = delete;
  ~on_leaving() { undo(); }
  Undo undo;
};

/// Where other threads may post to, as long as there is one.
struct open_io {
  std::mutex mutex;
  asio::io_context* io;
};

/// What the program says, on its way from any thread to the coroutine that waits for it.
class mailbox {
 public:
  explicit mailbox(std::shared_ptr<open_io> at) : at_(std::move(at)), came_(std::in_place, *at_->io) {}

  void put(said what, const std::shared_ptr<mailbox>& self) {
    const std::lock_guard lock{at_->mutex};
    if (at_->io == nullptr) return;
    asio::post(*at_->io, [self, what = std::move(what)]() mutable { self->take(std::move(what)); });
  }
  /// nullopt: none came in time.
  asio::awaitable<std::optional<said>> wait(std::chrono::milliseconds at_most) {
    error_code error;
    came_->expires_after(at_most);
    if (!said_) co_await came_->async_wait(asio::redirect_error(asio::use_awaitable, error));
    co_return std::move(said_);
  }
  /// Nobody waits any more.
  void close() { came_.reset(); }

 private:
  void take(said&& what) {
    said_ = std::move(what);
    if (came_) came_->cancel();
  }

  std::shared_ptr<open_io> at_;
  std::optional<asio::steady_timer> came_;
  std::optional<said> said_;
};

std::string machine_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string{name.data()} : std::string{};
}

/// A client that follows the events, as far as others reach for it.
struct watcher {
  bool has_left = false;
  asio::steady_timer* wake = nullptr;
};

std::string text_of(beast::string_view text) { return {text.data(), text.size()}; }
std::string_view view_of(beast::string_view text) { return {text.data(), text.size()}; }

/// Tells the numbers of this process's events from those of another.
std::string random_name() {
  std::random_device source;
  std::array<char, 17> text{};
  (void)std::snprintf(text.data(), text.size(), "%08x%08x", static_cast<unsigned>(source()), static_cast<unsigned>(source()));
  return text.data();
}

constexpr const char* content_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

template <typename Body>
void set_common(http::response<Body>& out, std::string_view content_type) {
  out.set(http::field::content_type, beast::string_view{content_type.data(), content_type.size()});
  out.set(http::field::cache_control, "no-store");
  out.set("X-Content-Type-Options", "nosniff");
  out.set("Referrer-Policy", "no-referrer");
  out.set("Content-Security-Policy", content_policy);
}

}  // namespace

class server::state {
 public:
  state(options opts, callbacks calls) : options_(std::move(opts)), calls_(std::move(calls)) {
    options_.host_names.push_back(machine_name());
    io_.emplace(1);
    open_io_->io = &*io_;
  }
  ~state() { stop(); }

  void add(listener socket, bool checks_host) {
    if (socket.port() != 0) port_ = socket.port();
    auto& one = entrances_.emplace_back(entrance{std::move(socket), checks_host});
    // To wait on, a copy of the descriptor: both owners close what they have. A failure throws here.
    asio::posix::stream_descriptor ready{*io_, ::fcntl(one.socket.descriptor(), F_DUPFD_CLOEXEC, 0)};
    asio::co_spawn(*io_, accept_clients(one, std::move(ready)), asio::detached);
  }

  void run() {
    // Signals are the business of the program's own threads: a thread inherits its mask from the one that starts it.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const on_leaving restore{[&] { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }};
    thread_ = std::thread{[this] { serve_until_stopped(); }};
    ::pthread_setname_np(thread_.native_handle(), "baton-http");
  }

  void stop() noexcept {
    BATON_ASSERT(std::this_thread::get_id() != thread_.get_id());
    if (io_) io_->stop();
    if (thread_.joinable()) thread_.join();
    {
      const std::lock_guard lock{open_io_->mutex};
      open_io_->io = nullptr;
    }
    for (auto& one : entrances_) one.room = nullptr;
    io_.reset();  // with it go the coroutines and their connections; only then the listeners they know
    entrances_.clear();
  }

  void publish(std::string event, std::string data) {
    const std::lock_guard lock{open_io_->mutex};
    if (open_io_->io == nullptr) return;
    asio::post(*io_, [this, event = std::move(event), data = std::move(data)] {
      events_.push(event, data);
      for (const auto& one : watchers_) {
        if (one->wake != nullptr) one->wake->cancel();
      }
    });
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  void serve_until_stopped() {
    while (!io_->stopped()) {
      try {
        io_->run();
      } catch (...) {  // out of memory in one connection: the others go on
      }
    }
  }

  asio::awaitable<void> accept_clients(entrance& from, asio::posix::stream_descriptor ready) {
    error_code error;
    asio::steady_timer timer{*io_};
    from.room = &timer;
    const on_leaving forget{[&] { from.room = nullptr; }};
    for (;;) {
      if (from.clients >= options_.bounds.connections) {
        timer.expires_at(asio::steady_timer::time_point::max());
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      co_await ready.async_wait(asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, error));
      const int client = from.socket.accept();
      if (client >= 0) {
        welcome(client, from);
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        timer.expires_after(pause_when_out_of_descriptors);
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
      }
    }
  }

  void welcome(int client, entrance& from) noexcept {
    try {
      stream peer{*io_};
      error_code error;
      peer.socket().assign({from.checks_host ? AF_INET : AF_UNIX, 0}, client, error);
      if (error) {
        ::close(client);
        return;
      }
      asio::co_spawn(*io_, serve(std::move(peer), from, from.checks_host ? "token" : peer_of(client)), asio::detached);
    } catch (const std::exception&) {  // out of memory: this client goes
    }
  }

  asio::awaitable<void> serve(stream peer, entrance& from, std::string who) {
    bool is_inside = true;
    ++from.clients;
    const auto leave = [&] {
      if (!std::exchange(is_inside, false)) return;
      --from.clients;
      if (from.room != nullptr) from.room->cancel();
    };
    const on_leaving left{leave};
    const auto& bounds = options_.bounds;
    beast::flat_buffer buffer{bounds.header_bytes + bounds.body_bytes + 4096};
    error_code error;
    for (bool stays = true; stays;) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(static_cast<std::uint32_t>(bounds.header_bytes));
      parser.body_limit(bounds.body_bytes);
      peer.expires_after(bounds.read_timeout);
      co_await http::async_read(peer, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
      reply made;
      if (error) {
        const auto refusal = refuse(error);
        if (!refusal) co_return;
        made = *refusal;
      }
      const auto& asked = parser.get();
      const bool is_scrape = !error && classify(view_of(asked.target())) == route_kind::metrics;
      scrapes_ += is_scrape ? 1 : 0;
      const on_leaving scraped{[&] { scrapes_ -= is_scrape ? 1 : 0; }};
      if (!error) made = judge(asked, from, who, is_scrape);
      if (made.carry_out) made = co_await change(std::move(*made.carry_out));
      const bool is_stream = made.is_stream;
      if (made.ask) made = co_await inquire(std::move(*made.ask));
      if (is_stream && watchers_.size() >= bounds.watchers) made = error_reply(503, "busy", "too many clients follow the events");
      if (is_stream && made.status == 200 && asked.method() == http::verb::get) {
        leave();
        co_await stream_events(peer, asked.version(), text_of(asked["Last-Event-ID"]), std::move(made.body));
        co_return;
      }
      if (is_stream && made.status == 200) made.content_type = event_type;
      stays = !error && asked.keep_alive();
      auto response = to_response(std::move(made), error ? 11 : asked.version(), stays);
      http::response_serializer<http::string_body> serializer{response};
      peer.expires_after(bounds.write_timeout);
      if (!error && asked.method() == http::verb::head) {
        co_await http::async_write_header(peer, serializer, asio::redirect_error(asio::use_awaitable, error));
      } else {
        co_await http::async_write(peer, serializer, asio::redirect_error(asio::use_awaitable, error));
      }
      if (error) co_return;
    }
    co_await take_leave(peer);
  }

  asio::awaitable<reply> change(order wanted) {
    const auto box = std::make_shared<mailbox>(open_io_);
    const on_leaving close{[&] { box->close(); }};
    try {
      calls_.change(std::move(wanted), [box](said what) { box->put(std::move(what), box); });
    } catch (const std::exception& error) {
      co_return error_reply(500, "internal", error.what());
    }
    auto came = co_await box->wait(options_.bounds.change_timeout);
    co_return came ? json_reply(std::move(*came))
                   : error_reply(504, "still_under_way", "it is not over yet; the log will tell how it ended");
  }

  asio::awaitable<reply> inquire(question wanted) {
    const auto box = std::make_shared<mailbox>(open_io_);
    const on_leaving close{[&] { box->close(); }};
    try {
      calls_.read(wanted, [box](said what) { box->put(std::move(what), box); });
    } catch (const std::exception& error) {
      co_return error_reply(500, "internal", error.what());
    }
    auto came = co_await box->wait(options_.bounds.answer_timeout);
    if (came) co_return json_reply(std::move(*came));
    try {
      co_return json_reply(calls_.known(wanted));
    } catch (const std::exception& error) {
      co_return error_reply(500, "internal", error.what());
    }
  }

  /// Until the client leaves, is too slow to keep up with the ring, or the server ends.
  asio::awaitable<void> stream_events(stream& peer, unsigned version, std::string seen, std::string hello) {
    error_code error;
    asio::steady_timer wake{*io_};
    const auto self = std::make_shared<watcher>();
    self->wake = &wake;
    const on_leaving forget{[&] {
      self->wake = nullptr;
      std::erase(watchers_, self);
      tell_watched();
    }};
    watchers_.push_back(self);
    tell_watched();
    // Whatever comes from the client from now on is its end.
    peer.socket().async_wait(asio::socket_base::wait_read, [self](const error_code&) {
      self->has_left = true;
      if (self->wake != nullptr) self->wake->cancel();
    });
    http::response<http::empty_body> head{http::status::ok, version};
    set_common(head, event_type);
    head.keep_alive(false);
    http::response_serializer<http::empty_body> serializer{head};
    peer.expires_after(options_.bounds.write_timeout);
    co_await http::async_write_header(peer, serializer, asio::redirect_error(asio::use_awaitable, error));
    const auto from = seen.empty() ? std::optional{events_.next()} : events_.after(seen);
    auto next = from.value_or(events_.next());
    hello.erase(hello.find_last_not_of('\n') + 1);
    auto text = events_.frame("hello", hello, next - 1) + (from ? "" : events_.frame("reset", "{}", next - 1));
    while (!error && !self->has_left) {
      for (; text.size() < most_at_once && events_.at(next) != nullptr; ++next) text += *events_.at(next);
      if (next != events_.next() && events_.at(next) == nullptr) co_return;  // what it has not seen is gone
      if (text.empty()) {
        wake.expires_after(options_.bounds.heartbeat);
        error_code woken;
        co_await wake.async_wait(asio::redirect_error(asio::use_awaitable, woken));
        if (!woken && !self->has_left) text = ": alive\n\n";
        continue;
      }
      peer.expires_after(options_.bounds.write_timeout);
      co_await asio::async_write(peer, asio::buffer(text), asio::redirect_error(asio::use_awaitable, error));
      text.clear();
    }
  }

  void tell_watched() noexcept {
    try {
      if (calls_.watched && open_io_->io != nullptr) calls_.watched(watchers_.size());
    } catch (const std::exception&) {  // it looks again when somebody asks
    }
  }

  /// Closing with bytes unread would reset the connection and take the answer with it.
  static asio::awaitable<void> take_leave(stream& peer) {
    error_code error;
    peer.socket().shutdown(asio::socket_base::shutdown_send, error);
    peer.expires_after(farewell_time);
    std::array<char, 4096> scrap;
    for (std::size_t taken = 0; !error && taken < farewell_bytes;) {
      taken += co_await peer.async_read_some(asio::buffer(scrap), asio::redirect_error(asio::use_awaitable, error));
    }
  }

  /// What to say to something that is no request; nullopt when nobody listens any more, or was too slow.
  static std::optional<reply> refuse(const error_code& error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return error_reply(431, "header_too_large", "the header of the request is too large");
    }
    if (error == http::error::body_limit) return error_reply(413, "body_too_large", "the body of the request is too large");
    const bool is_malformed = error.category() == http::make_error_code(http::error::bad_method).category() &&
                              error != http::error::end_of_stream && error != http::error::partial_message;
    if (is_malformed) return error_reply(400, "bad_request", error.message());
    return std::nullopt;
  }

  /// Its texts are those of `asked`.
  request request_of(const http_request& asked, const entrance& from, std::string_view who) const {
    request made{view_of(asked.method_string()), view_of(asked.target())};
    if (!from.checks_host || is_bearer(view_of(asked[http::field::authorization]), options_.admin_token)) {
      made.may = access::granted;
    } else {
      made.may = options_.admin_token.empty() ? access::read_only : access::needs_token;
    }
    made.is_foreign = is_foreign(view_of(asked[http::field::origin]), view_of(asked["Sec-Fetch-Site"]), view_of(asked[http::field::host]));
    made.is_json = view_of(asked[http::field::content_type]).starts_with("application/json");
    made.is_marked = asked["X-Baton-Request"] == "1";
    made.who = made.may == access::granted ? who : "nobody";  // it has shown no token
    made.body = asked.body();
    return made;
  }

  reply judge(const http_request& asked, const entrance& from, std::string_view who, bool is_scrape) {
    const auto hosts = asked.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && asked.version() >= 11)) return error_reply(400, "bad_request", "exactly one Host header is needed");
    if (!asked.target().starts_with('/')) return error_reply(400, "bad_request", "the target of a request begins with /");
    if (from.checks_host && hosts == 1 && !is_acceptable_host(text_of(asked[http::field::host]), options_.host_names)) {
      return error_reply(421, "wrong_host",
                         "this server is known by its address, as localhost, by the machine's host name, or a configured one");
    }
    if (is_scrape && scrapes_ > options_.bounds.scrapes) return error_reply(503, "busy", "too many scrapes are under way");
    return answer(request_of(asked, from, who), calls_);
  }

  static http::response<http::string_body> to_response(reply made, unsigned version, bool stays) {
    http::response<http::string_body> out{http::status{made.status}, version};
    set_common(out, made.content_type);
    if (made.status == 401) out.set(http::field::www_authenticate, "Bearer");
    if (!made.allow.empty()) out.set(http::field::allow, beast::string_view{made.allow.data(), made.allow.size()});
    out.keep_alive(stays);
    out.body() = std::move(made.body);
    out.prepare_payload();
    return out;
  }

  options options_;
  callbacks calls_;
  std::uint16_t port_ = 0;
  std::size_t scrapes_ = 0;
  event_ring events_{random_name()};
  std::vector<std::shared_ptr<watcher>> watchers_;
  std::list<entrance> entrances_;
  std::optional<asio::io_context> io_;
  std::shared_ptr<open_io> open_io_ = std::make_shared<open_io>();
  std::thread thread_;
};

result<std::unique_ptr<server>> server::start(options opts, callbacks calls) {
  BATON_ASSERT(calls.metrics_text && calls.livez && calls.readyz && (!calls.read || calls.known));
  std::optional<listener> tcp;
  if (!opts.host.empty()) {
    auto made = listener::on_tcp(opts.host, opts.port);
    if (!made) return std::move(made).error();
    tcp.emplace(std::move(*made));
  }
  std::optional<listener> local;
  if (!opts.socket.empty()) {
    auto made = listener::on_unix(opts.socket);
    if (!made) return std::move(made).error();
    local.emplace(std::move(*made));
  }
  try {
    auto made = std::make_unique<state>(std::move(opts), std::move(calls));
    if (tcp) made->add(std::move(*tcp), true);
    if (local) made->add(std::move(*local), false);
    made->run();
    return std::unique_ptr<server>{new server{std::move(made)}};
  } catch (const std::exception& error) {
    return failure{errc::io, std::string{"http: cannot start: "} + error.what()};
  }
}

server::server(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}
server::~server() = default;
std::uint16_t server::port() const noexcept { return state_->port(); }
void server::publish(std::string event, std::string data) { state_->publish(std::move(event), std::move(data)); }
void server::stop() noexcept { state_->stop(); }

}  // namespace baton::admin
