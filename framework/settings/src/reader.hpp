#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "baton/settings/keys.hpp"
#include "fields.hpp"
#include "tree.hpp"

namespace baton::settings {

/// Walks YAML beside the key table: checks each value by its row and carries it into the settings. Reports and goes on.
class reader {
 public:
  explicit reader(report& out) : report_(out) {}

  /// The main file. `includes` gets the patterns of `include`.
  void read_main(const node& root, std::vector<std::string>& includes);
  /// A further file: `jobs` and `version`.
  void read_include(const node& root);

  /// A file of parameters alone.
  [[nodiscard]] std::optional<with_value::map> read_parameters(const node& root) { return parameters(root, "with"); }

  settings result;

  /// Where a key was given, by its path; for rules between keys.
  [[nodiscard]] const place* given(const std::string& path) const;
  /// A key of a job: where the job has it, or the defaults do.
  [[nodiscard]] const place* given_for(const job& j, const std::string& key) const;
  [[nodiscard]] const place& place_of(const std::string& path, const place& otherwise) const;
  /// That of the job, which has been looked up.
  [[nodiscard]] const schedule::zone& zone_of(const job& j) const;

 private:
  enum class scope { main, include, defaults };

  void read_section(const node& map, std::string_view row, const std::string& path, const place& named_at, scope where, job* to);
  /// Gives the name of the key that this entry stands for, misspelt or not.
  std::string read_key(const node& key, const node& value, std::string_view row, const std::string& path, scope where, job* to);
  void read_value(const key& row, const node& n, const std::string& path, job* to);
  /// The path of a job or a calendar; nullopt after the error about its name was reported.
  std::optional<std::string> checked_name(const node& name, const std::string& path, std::string_view of);
  void read_jobs(const node& n, const std::string& path);
  /// A map from names to sections of `row`; `add` is told of each name before its keys are read.
  template <typename Add>
  void read_named(const node& n, const std::string& path, std::string_view row, std::string_view of, const std::string& example, Add add);
  void read_defaults(const node& n, const std::string& path);
  /// Gives the key that was probably meant, or nothing.
  std::string report_unknown(const node& key, std::string_view row, const std::string& path);

  std::optional<std::string> scalar(const node& n, const std::string& path, std::string_view wanted);
  std::optional<value> checked(const key& row, const node& n, const std::string& path);
  std::optional<value> checked_scalar(const key& row, const node& n, const std::string& text, const std::string& path);
  std::optional<value> checked_choice(const key& row, const node& n, const std::string& text, const std::string& path);
  std::optional<value> checked_duration(const key& row, const node& n, const std::string& text, const std::string& path);
  std::optional<value> checked_url(const node& n, const std::string& text, const std::string& path);
  std::optional<value> checked_listen(const node& n, const std::string& text, const std::string& path);
  std::optional<value> checked_secret(const node& n, const std::string& path);
  std::optional<value> checked_list(const node& n, const std::string& path);
  std::optional<value> checked_names(const key& row, const node& n, const std::string& path);
  std::optional<value> checked_predecessors(const node& n, const std::string& path);
  std::optional<value> checked_days(const key& row, const node& n, const std::string& path);
  std::optional<value> checked_schedule(const node& n, const std::string& path);
  std::optional<value> checked_schedule_map(const node& n, const std::string& path);
  std::optional<value> checked_every(const std::optional<node>& every, const std::optional<node>& anchor, const node& n,
                                     const std::string& path);
  std::optional<value> checked_at(const node& n, const std::string& path);
  /// The zone of that name, looked up once; nullopt after the error was reported.
  std::optional<schedule::zone> zone_named(const node& n, const std::string& name, const std::string& path);
  [[nodiscard]] const schedule::zone& zone_of_job() const { return reading_ == nullptr ? schedule::zone::utc() : zone_of(*reading_); }
  std::optional<with_value> parameter(const node& n, const std::string& path);
  std::optional<with_value::map> parameters(const node& n, const std::string& path);
  bool check_entry(const node& key, const std::string& path, std::map<std::string, place>& seen);

  report& report_;
  std::map<std::string, place> given_;
  std::map<std::string, place> jobs_;          ///< where each was defined
  std::map<std::string, std::string> folded_;  ///< lower case → name
  job prototype_;                              ///< with the defaults
  const job* reading_ = nullptr;               ///< the job whose key is being read
  std::map<std::string, schedule::zone> zones_;
};

}  // namespace baton::settings
