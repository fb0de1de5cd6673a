#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "baton/observe/recorder.hpp"
#include "baton/settings/settings.hpp"
#include "fleet_ledger.hpp"

namespace baton::program {

/// A plugin, as people are told of it.
struct plugin_facts {
  std::string name;
  std::string version;
  std::string abi;
  std::string build_id;
  std::string file;
  std::set<std::string> secrets = {};  ///< parameters that its table declares so
};

/// What an instance is configured to. A value below `with` that may be a secret, by its key or as the password of a URL, is marked as one:
/// whoever reaches the address may read this, and a literal was meant for those who may read the file.
struct fleet_configuration {
  explicit fleet_configuration(settings::settings s, std::vector<plugin_facts> used = {});
  settings::settings settings;
  std::vector<plugin_facts> plugins;
  /// nullptr: there is no such job.
  [[nodiscard]] const settings::job* find(std::string_view job) const;

 private:
  std::map<std::string, std::size_t, std::less<>> index_;
};

/// How the answering instance is.
struct instance_state {
  bool live = true;
  bool ready = true;
  std::vector<std::string> reasons;
  std::size_t running = 0;
};

/// What the answers of the API are made of. Lifetime: of what it refers to.
struct fleet_facts {
  const fleet_configuration& configured;
  const fleet_snapshot& ledger;
  const observe::recorder* seen = nullptr;  ///< none: this is no instance
  std::string incarnation;
  wall_time now{};
  std::string stale;  ///< why the ledger's part is old; empty: it is not
};

// The objects of docs/reference/http.md.
[[nodiscard]] boost::json::object head_json(const fleet_facts& f);
[[nodiscard]] boost::json::object jobs_json(const fleet_facts& f);
/// One of jobs_json; `name` is configured, or in the ledger.
[[nodiscard]] boost::json::object job_json(const fleet_facts& f, const std::string& name);
[[nodiscard]] bool is_known(const fleet_facts& f, const std::string& name);
[[nodiscard]] std::vector<std::string> job_names(const fleet_facts& f);
[[nodiscard]] boost::json::object job_details_json(const fleet_facts& f, const std::string& name,
                                                   const std::vector<ledger::tick_row>& runs);
[[nodiscard]] boost::json::array runs_json(const std::vector<ledger::tick_row>& rows);
/// `only`: these lock names; nullptr: all.
/// A row as as_json() has it, with the names of the parameters that a trigger gave, and not their values.
[[nodiscard]] boost::json::object run_json(const ledger::tick_row& row);
/// A lock that nobody holds or waits for any more.
[[nodiscard]] boost::json::object free_lock_json(const std::string& name);
[[nodiscard]] boost::json::array locks_json(const fleet_facts& f, const std::set<std::string>* only = nullptr);
[[nodiscard]] boost::json::object locks_answer_json(const fleet_facts& f);
[[nodiscard]] boost::json::array instances_json(const fleet_facts& f);
[[nodiscard]] boost::json::object instances_answer_json(const fleet_facts& f, const instance_state& state);
[[nodiscard]] boost::json::object config_json(const fleet_facts& f);
[[nodiscard]] boost::json::object health_json(const instance_state& state);
[[nodiscard]] boost::json::object attempt_json(const observe::recorder::attempt& a);
[[nodiscard]] boost::json::object lost_json(const observe::recorder::loss& l);

}  // namespace baton::program
