#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "control.hpp"

namespace baton::program {

/// Where a verb that reads the fleet finds it.
struct fleet_place {
  std::string file;    ///< the configuration; its store is asked, else its admin socket
  std::string socket;  ///< an admin socket: it is asked, and nothing else
};

/// The fleet as the store has it, or as an instance tells it over its admin socket, for which no password is needed.
struct fleet_source {
  std::optional<reached_ledger> ledger;
  std::string socket;  ///< if there is no ledger

  /// The answer to GET of `target` ("/api/v1/jobs"), over the socket.
  [[nodiscard]] result<boost::json::object> get(const std::string& target) const;
  /// The same of jobs, locks or instances, wherever it comes from.
  [[nodiscard]] result<boost::json::object> answer(const std::string& what);
};

/// What fails is printed, and `code` is what the program ends with. So is it where the store cannot be reached and a socket answers.
[[nodiscard]] std::optional<fleet_source> reach_fleet(const fleet_place& where, int& code);

}  // namespace baton::program
