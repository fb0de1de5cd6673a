#include "baton/admin/server.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
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
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

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

/// An outcome on its way from any thread to the coroutine that waits for it.
class mailbox {
 public:
  explicit mailbox(asio::io_context& io) : io_(&io), came_(std::in_place, io) {}

  void put(outcome o, const std::shared_ptr<mailbox>& self) {
    const std::lock_guard lock{mutex_};
    if (io_ == nullptr) return;
    asio::post(*io_, [self, o = std::move(o)]() mutable { self->take(std::move(o)); });
  }
  /// nullopt: none came in time.
  asio::awaitable<std::optional<outcome>> wait(std::chrono::milliseconds at_most) {
    error_code error;
    came_->expires_after(at_most);
    if (!outcome_) co_await came_->async_wait(asio::redirect_error(asio::use_awaitable, error));
    co_return outcome_;
  }
  /// Nobody waits any more, and soon there is no io_context.
  void close() {
    const std::lock_guard lock{mutex_};
    io_ = nullptr;
    came_.reset();
  }

 private:
  void take(outcome&& o) {
    outcome_ = std::move(o);
    if (came_) came_->cancel();
  }

  std::mutex mutex_;
  asio::io_context* io_;
  std::optional<asio::steady_timer> came_;
  std::optional<outcome> outcome_;
};

std::string machine_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string{name.data()} : std::string{};
}

std::string text_of(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class server::state {
 public:
  state(options opts, callbacks calls) : options_(std::move(opts)), calls_(std::move(calls)) {
    options_.host_names.push_back(machine_name());
    io_.emplace(1);
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
    for (auto& one : entrances_) one.room = nullptr;
    io_.reset();  // with it go the coroutines and their connections; only then the listeners they know
    entrances_.clear();
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
      asio::co_spawn(*io_, serve(std::move(peer), from), asio::detached);
    } catch (const std::exception&) {  // out of memory: this client goes
    }
  }

  asio::awaitable<void> serve(stream peer, entrance& from) {
    ++from.clients;
    const on_leaving leave{[&] {
      --from.clients;
      if (from.room != nullptr) from.room->cancel();
    }};
    const auto& bounds = options_.bounds;
    beast::flat_buffer buffer{bounds.header_bytes + bounds.body_bytes + 4096};
    error_code error;
    for (bool stays = true; stays;) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(static_cast<std::uint32_t>(bounds.header_bytes));
      parser.body_limit(bounds.body_bytes);
      peer.expires_after(bounds.read_timeout);
      co_await http::async_read(peer, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
      reply said;
      if (error) {
        const auto refusal = refuse(error);
        if (!refusal) co_return;
        said = *refusal;
      }
      const auto& asked = parser.get();
      const bool is_scrape = !error && classify(std::string_view{asked.target().data(), asked.target().size()}) == route_kind::metrics;
      scrapes_ += is_scrape ? 1 : 0;
      const on_leaving scraped{[&] { scrapes_ -= is_scrape ? 1 : 0; }};
      if (!error) said = judge(asked, from);
      if (said.change != nullptr) said = co_await carry_out(*said.change);
      stays = !error && asked.keep_alive();
      auto response = to_response(std::move(said), error ? 11 : asked.version(), stays);
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

  asio::awaitable<reply> carry_out(const callbacks::change& change) {
    const auto box = std::make_shared<mailbox>(*io_);
    const on_leaving close{[&] { box->close(); }};
    try {
      change([box](outcome o) { box->put(std::move(o), box); });
    } catch (const std::exception& error) {
      co_return error_reply(500, "internal", error.what());
    }
    const auto came = co_await box->wait(options_.bounds.change_timeout);
    co_return came ? outcome_reply(*came) : error_reply(504, "still_under_way", "it is not over yet; the log will tell how it ended");
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
  static request request_of(const http_request& asked, const entrance& from) {
    const auto view = [](beast::string_view text) { return std::string_view{text.data(), text.size()}; };
    return {view(asked.method_string()), view(asked.target()), !from.checks_host,
            view(asked[http::field::content_type]).starts_with("application/json"), asked["X-Baton-Request"] == "1"};
  }

  reply judge(const http_request& asked, const entrance& from) {
    const auto hosts = asked.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && asked.version() >= 11)) return error_reply(400, "bad_request", "exactly one Host header is needed");
    if (!asked.target().starts_with('/')) return error_reply(400, "bad_request", "the target of a request begins with /");
    if (from.checks_host && hosts == 1 && !is_acceptable_host(text_of(asked[http::field::host]), options_.host_names)) {
      return error_reply(421, "wrong_host",
                         "this server is known by its address, as localhost, by the machine's host name, or a configured one");
    }
    if (scrapes_ > options_.bounds.scrapes) return error_reply(503, "busy", "too many scrapes are under way");
    return answer(request_of(asked, from), calls_);
  }

  static http::response<http::string_body> to_response(reply said, unsigned version, bool stays) {
    http::response<http::string_body> out{http::status{said.status}, version};
    const auto set = [&](http::field name, std::string_view value) { out.set(name, beast::string_view{value.data(), value.size()}); };
    set(http::field::content_type, said.content_type);
    set(http::field::cache_control, "no-store");
    out.set("X-Content-Type-Options", "nosniff");
    if (!said.allow.empty()) set(http::field::allow, said.allow);
    out.keep_alive(stays);
    out.body() = std::move(said.body);
    out.prepare_payload();
    return out;
  }

  options options_;
  callbacks calls_;
  std::uint16_t port_ = 0;
  std::size_t scrapes_ = 0;
  std::list<entrance> entrances_;
  std::optional<asio::io_context> io_;
  std::thread thread_;
};

result<std::unique_ptr<server>> server::start(options opts, callbacks calls) {
  BATON_ASSERT(calls.metrics_text && calls.livez && calls.readyz);
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
void server::stop() noexcept { state_->stop(); }

}  // namespace baton::admin
