#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/settings/settings.hpp"

namespace baton::program {

/// The path of an instance's unix socket: http.socket, else admin.sock in $RUNTIME_DIRECTORY; empty: it has none.
[[nodiscard]] std::string admin_socket(const settings::settings& s);

/// What an instance answers to a change that it was asked for.
struct admin_answer {
  bool ok = false;
  bool is_for_later = false;  ///< it is busy, or not over yet
  std::string message;
  std::vector<std::string> problems;
};
/// POST of `target`. Errors: store_unavailable when nobody listens there, access_denied, io.
[[nodiscard]] result<admin_answer> ask_admin(const std::string& socket, const std::string& target);
/// The object that GET of `target` answers. Errors: as above; not_found, invalid_argument.
[[nodiscard]] result<boost::json::object> read_admin(const std::string& socket, const std::string& target);
/// Waits until nobody listens on the socket any more.
void await_end_of(const std::string& socket);

}  // namespace baton::program
