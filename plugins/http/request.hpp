#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace http_plugin {

struct request {
  std::string url;
  std::string method;
  std::vector<std::string> headers;  ///< "Name: value"
  std::string body;
  std::chrono::microseconds timeout{};  ///< of all of it
  std::chrono::microseconds connect_timeout{};
  bool follow_redirects = false;
  bool verify = true;  ///< the server's certificate and name
  std::string ca;      ///< a file instead of the system's authorities, or empty
  std::string client_certificate;
  std::string client_key;
  std::size_t kept_bytes = 0;  ///< of the response's body
};

struct response {
  enum class end { answered, unreachable, refused, stopped } how{};
  long status = 0;   ///< answered
  std::string body;  ///< answered: the first bytes of it
  std::string why;   ///< unreachable (another time may do better), refused (none will)
};

/// "https://host:8443" of an http or https URL: paths and queries may carry tokens, and are never shown. nullopt: not such a URL.
std::optional<std::string> origin_of(const std::string& url);

/// Sends it and reads the response to its end, or until `stop_descriptor` is readable.
response send(const request& what, int stop_descriptor);

}  // namespace http_plugin
