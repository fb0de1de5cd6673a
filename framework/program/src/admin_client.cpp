#include "admin_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>

namespace baton::program {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using asio::local::stream_protocol;
using boost::system::error_code;

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

}  // namespace

std::string admin_socket(const settings::settings& s) {
  if (!s.http_socket.empty()) return s.http_socket;
  const char* directory = std::getenv("RUNTIME_DIRECTORY");
  if (directory == nullptr || *directory == '\0') return {};
  const std::string all{directory};
  return all.substr(0, all.find(':')) + "/admin.sock";
}

result<admin_answer> ask_admin(const std::string& socket, const std::string& target) {
  asio::io_context io;
  auto link = connect(io, socket);
  if (!link) return std::move(link).error();
  http::request<http::string_body> asked{http::verb::post, target, 11};
  asked.set(http::field::host, "localhost");
  asked.set(http::field::content_type, "application/json");
  asked.set("X-Baton-Request", "1");
  asked.keep_alive(false);
  asked.prepare_payload();
  error_code error;
  http::write(*link, asked, error);
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> said;
  if (!error) http::read(*link, buffer, said, error);
  if (error) return no_answer(socket, error);
  const auto body = json::parse(said.body(), error);
  if (error || !body.is_object()) return failure{errc::io, "the admin socket " + socket + " answers what is no answer of Baton's"};
  const auto& object = body.get_object();
  admin_answer answer{said.result() == http::status::ok, {}, {}};
  if (const auto* message = object.if_contains("message")) answer.message = text_of(*message);
  if (const auto* e = object.if_contains("error"); e != nullptr && e->is_object()) {
    if (const auto* message = e->get_object().if_contains("message")) answer.message = text_of(*message);
  }
  if (const auto* problems = object.if_contains("problems"); problems != nullptr && problems->is_array()) {
    for (const auto& problem : problems->get_array()) answer.problems.push_back(text_of(problem));
  }
  return answer;
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
