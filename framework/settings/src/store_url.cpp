#include "store_url.hpp"

#include <algorithm>
#include <utility>

#include "suggest.hpp"

namespace baton::settings {
namespace {

constexpr std::string_view shape = "mysql://user@host:3306/database";
constexpr std::string_view local_shape = "local:///var/lib/baton";
constexpr std::size_t longest_database = 64;

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The text, or where it is broken.
std::variant<std::string, std::size_t> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex(text[i + 2]) : -1;
    if (high < 0 || low < 0 || high + low == 0) return i;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          std::string_view{"-._~"}.find(c) != std::string_view::npos;
    if (is_plain) {
      out += c;
    } else {
      (((out += '%') += digits[byte >> 4U]) += digits[byte & 15U]);
    }
  }
  return out;
}

/// A path with its slashes, the rest as encode() has it.
std::string encode_path(std::string_view path) {
  std::string out;
  for (const char c : path) out += c == '/' ? std::string{c} : encode(std::string_view{&c, 1});
  return out;
}

class reader {
 public:
  explicit reader(std::string_view url) : url_(url) {}

  std::variant<store_address, url_error> read() {
    constexpr std::string_view scheme = "mysql://";
    if (url_.starts_with("local:")) return read_local();
    if (!url_.starts_with(scheme))
      return url_error{"must begin with mysql:// or local://", "write " + std::string{shape} + " or " + std::string{local_shape}, 0};
    const auto slash = url_.find('/', scheme.size());
    const auto authority_end = std::min(slash, url_.size());
    const auto at = url_.substr(0, authority_end).rfind('@');
    // Behind a '/' that should have been encoded the rest of a password would follow: nothing of it may be printed.
    if (url_.find('@', authority_end) != std::string_view::npos) {
      return url_error{"an '@' stands behind the host", "write %2F for a / in the user or password", scheme.size()};
    }
    if (at == std::string_view::npos || at < scheme.size())
      return url_error{"the user is missing", "write " + std::string{shape}, scheme.size()};
    if (auto error = credentials(scheme.size(), at)) return *std::move(error);
    if (slash == std::string_view::npos) return url_error{"the database is missing", "write " + std::string{shape}, url_.size()};
    const auto question = std::min(url_.find('?', slash), url_.size());
    if (auto error = text_at(slash + 1, question, out_.store.database, "database")) return *std::move(error);
    if (out_.store.database.empty()) return url_error{"the database is missing", "write " + std::string{shape}, slash};
    if (out_.store.database.size() > longest_database || out_.store.database.find('/') != std::string::npos) {
      return url_error{in_quotes(out_.store.database) + " is not the name of a database", {}, slash + 1};
    }
    if (auto error = query(question)) return *std::move(error);
    if (auto error = hosts(at + 1, authority_end)) return *std::move(error);
    return std::move(out_);
  }

 private:
  std::variant<store_address, url_error> read_local() {
    constexpr std::string_view scheme = "local://";
    const auto hint = "write " + std::string{local_shape};
    if (!url_.starts_with("local:///")) return url_error{"the local store is a directory of this host, by its absolute path", hint, 0};
    if (const auto at = url_.find_first_of("?#"); at != std::string_view::npos)
      return url_error{"the local store has no parameters", "write %3F for a ? in the path, and %23 for a #", at};
    if (auto error = text_at(scheme.size(), url_.size(), out_.store.directory, "path")) return *std::move(error);
    while (out_.store.directory.ends_with('/')) out_.store.directory.pop_back();
    if (out_.store.directory.empty()) return url_error{"the root directory is no place for a store", hint, scheme.size()};
    return std::move(out_);
  }

  std::optional<url_error> text_at(std::size_t begin, std::size_t end, std::string& out, std::string_view what) {
    auto decoded = decode(url_.substr(begin, end - begin));
    if (const auto* fault = std::get_if<std::size_t>(&decoded)) {
      return url_error{"a broken %-sequence in the " + std::string{what}, "write %25 for a percent sign",
                       begin + (what == "password" ? 0 : *fault)};
    }
    out = std::get<std::string>(std::move(decoded));
    return std::nullopt;
  }

  std::optional<url_error> credentials(std::size_t begin, std::size_t at) {
    const auto colon = std::min(url_.find(':', begin), at);
    if (auto error = text_at(begin, colon, out_.store.user, "user")) return error;
    if (out_.store.user.empty()) return url_error{"the user is missing", "write " + std::string{shape}, begin};
    if (colon == at) return std::nullopt;
    out_.has_password = true;
    return text_at(colon + 1, at, out_.store.password, "password");
  }

  std::optional<url_error> query(std::size_t question) {
    for (auto begin = question + 1; begin < url_.size();) {
      const auto end = std::min(url_.find('&', begin), url_.size());
      const auto equals = std::min(url_.find('=', begin), end);
      const auto name = url_.substr(begin, equals - begin);
      if (name != "socket") return url_error{"unknown parameter " + in_quotes(name), did_you_mean(name, {"socket"}), begin};
      if (auto error = text_at(std::min(equals + 1, end), end, out_.store.socket, "socket")) return error;
      if (!out_.store.socket.starts_with('/'))
        return url_error{"the socket must be an absolute path", "write ?socket=/run/mysqld/mysqld.sock", begin};
      begin = end + 1;
    }
    return std::nullopt;
  }

  std::optional<url_error> hosts(std::size_t begin, std::size_t end) {
    const auto list = url_.substr(begin, end - begin);
    if (!out_.store.socket.empty()) {
      if (list.empty() || list == "localhost") return std::nullopt;
      return url_error{"a socket is on this host, not on " + in_quotes(list), "write localhost, or remove ?socket=", begin};
    }
    if (list.empty()) return url_error{"the host is missing", "write " + std::string{shape}, begin};
    while (true) {
      const auto comma = std::min(url_.find(',', begin), end);
      auto parsed = parse_endpoint(url_.substr(begin, comma - begin), 3306);
      if (auto* error = std::get_if<url_error>(&parsed)) {
        error->offset += begin;
        return std::move(*error);
      }
      auto& host = std::get<endpoint>(parsed);
      if (host.port == 0) return url_error{"port 0 cannot be connected to", {}, begin};
      out_.store.hosts.push_back(std::move(host));
      if (comma == end) return std::nullopt;
      begin = comma + 1;
    }
  }

  std::string_view url_;
  store_address out_;
};

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

bool is_ipv6(std::string_view text) {
  return text.find(':') != std::string_view::npos && text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

}  // namespace

std::variant<store_address, url_error> parse_store_url(std::string_view url) { return reader{url}.read(); }

std::variant<endpoint, url_error> parse_endpoint(std::string_view text, std::optional<std::uint16_t> default_port) {
  endpoint out;
  std::size_t port_at = 0;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1)))
      return url_error{in_quotes(text) + " is not an IPv6 address in brackets", {}, 0};
    out.host = text.substr(1, close - 1);
    port_at = close + 1;
  } else {
    port_at = std::min(text.find(':'), text.size());
    const auto host = text.substr(0, port_at);
    if (host.empty()) return url_error{"the host is missing", {}, 0};
    if (!is_host(host)) return url_error{in_quotes(host) + " is not the name or address of a host", {}, 0};
    if (text.find(':', port_at + 1) != std::string_view::npos)
      return url_error{in_quotes(text) + " has several colons", "put an IPv6 address in brackets: [::1]:3306", 0};
    out.host = host;
  }
  if (port_at == text.size()) {
    if (!default_port) return url_error{"the port is missing after " + in_quotes(text), {}, text.size()};
    out.port = *default_port;
    return out;
  }
  const auto digits = text.substr(port_at + 1);
  unsigned port = 0;
  const bool is_number =
      text[port_at] == ':' && !digits.empty() && digits.size() <= 5 && std::all_of(digits.begin(), digits.end(), [&](char c) {
        port = port * 10 + static_cast<unsigned>(c - '0');
        return c >= '0' && c <= '9';
      });
  if (!is_number || port > 65535) return url_error{in_quotes(digits) + " is not a port; it is a number up to 65535", {}, port_at + 1};
  out.port = static_cast<std::uint16_t>(port);
  return out;
}

std::string endpoint_text(const endpoint& e) {
  const bool is_v6 = e.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + e.host + "]" : e.host) + ":" + std::to_string(e.port);
}

std::string store_url_text(const store_access& store) {
  if (!store.directory.empty()) return "local://" + encode_path(store.directory);
  std::string out = "mysql://" + encode(store.user) + "@";
  if (store.hosts.empty()) out += "localhost";
  for (std::size_t i = 0; i < store.hosts.size(); ++i) out += (i == 0 ? "" : ",") + endpoint_text(store.hosts[i]);
  out += "/" + encode(store.database);
  if (!store.socket.empty()) out += "?socket=" + encode_path(store.socket);
  return out;
}

}  // namespace baton::settings
