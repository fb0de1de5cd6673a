#include "admin_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdlib>

namespace baton::program {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::chrono::seconds patience{65};      // for an answer; the server's own is shorter
constexpr std::uint64_t most_bytes = 1ULL << 30;  // of an answer: ten thousand jobs are some megabytes

failure no_answer(const std::string& socket, const error_code& error) {
  if (error == asio::error::access_denied)
    return {errc::access_denied, "the admin socket " + socket + " may not be used by this user: run this as the instance's user, or root"};
  return {errc::store_unavailable,
          "no instance answers on the admin socket " + socket + ": " + error.message() + "; is it running, and with this http.socket?"};
}

std::string text_of(const json::value& v) { return v.is_string() ? std::string{v.get_string().c_str()} : std::string{}; }

result<stream_protocol::socket> connect(asio::io_context& io, const std::string& path) {
  error_code error = asio::error::name_too_long;
  stream_protocol::socket link{io};
  if (path.size() < sizeof(sockaddr_un{}.sun_path)) link.connect(stream_protocol::endpoint{path}, error);
  if (error) return no_answer(path, error);
  return link;
}

struct reply {
  http::status status;
  json::object object;
};

result<reply> exchange(const std::string& socket, http::request<http::string_body> asked) {
  asio::io_context io;
  auto link = connect(io, socket);
  if (!link) return std::move(link).error();
  asked.set(http::field::host, "localhost");
  asked.keep_alive(false);
  asked.prepare_payload();
  error_code error;
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> said;
  said.body_limit(most_bytes);
  boost::beast::basic_stream<stream_protocol> peer{std::move(*link)};
  peer.expires_after(patience);
  http::async_write(peer, asked, [&](const error_code& written, std::size_t) {
    error = written;
    if (!error) http::async_read(peer, buffer, said, [&](const error_code& read, std::size_t) { error = read; });
  });
  io.run();
  if (error) return no_answer(socket, error);
  auto body = json::parse(said.get().body(), error);
  if (error || !body.is_object()) return failure{errc::io, "the admin socket " + socket + " answers what is no answer of Baton's"};
  return reply{said.get().result(), std::move(body.get_object())};
}

}  // namespace

std::string admin_socket(const settings::settings& s) {
  if (!s.http_socket.empty()) return s.http_socket;
  const char* directory = std::getenv("RUNTIME_DIRECTORY");
  if (directory == nullptr || *directory == '\0') return {};
  const std::string all{directory};
  return all.substr(0, all.find(':')) + "/admin.sock";
}

result<admin_answer> ask_admin(const std::string& socket, const std::string& target) {
  http::request<http::string_body> asked{http::verb::post, target, 11};
  asked.set(http::field::content_type, "application/json");
  asked.set("X-Baton-Request", "1");
  const auto said = exchange(socket, std::move(asked));
  if (!said) return said.error();
  const bool is_for_later = said->status == http::status::service_unavailable || said->status == http::status::gateway_timeout;
  admin_answer answer{said->status == http::status::ok, is_for_later, {}, {}};
  if (const auto* message = said->object.if_contains("message")) answer.message = text_of(*message);
  if (const auto* problems = said->object.if_contains("problems"); problems != nullptr && problems->is_array()) {
    for (const auto& problem : problems->get_array()) answer.problems.push_back(text_of(problem));
  }
  return answer;
}

result<json::object> read_admin(const std::string& socket, const std::string& target) {
  auto said = exchange(socket, {http::verb::get, target, 11});
  if (!said) return std::move(said).error();
  if (said->status == http::status::ok) return std::move(said->object);
  const auto* message = said->object.if_contains("message");
  const auto text = message == nullptr ? "the admin socket " + socket + " answers " + std::to_string(static_cast<unsigned>(said->status))
                                       : text_of(*message);
  const auto code = said->status == http::status::not_found     ? errc::not_found
                    : said->status == http::status::bad_request ? errc::invalid_argument
                                                                : errc::store_unavailable;
  return failure{code, text};
}

void await_end_of(const std::string& socket) {
  asio::io_context io;
  for (;;) {
    auto link = connect(io, socket);
    if (!link) return;
    error_code error;
    link->wait(stream_protocol::socket::wait_read, error);  // until the instance ends it, or is tired of a connection at rest
  }
}

}  // namespace baton::program
