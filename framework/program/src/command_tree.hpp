#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace baton::program {

/// One option or argument of a verb, as help, completion and manual tell of it.
struct option_help {
  std::vector<std::string> names = {};  ///< "-c", "--config"; of an argument its one name, without dashes
  std::vector<std::string> choices = {};
  std::string help = {};
  bool is_argument = false;  ///< known by its place
  bool takes_value = false;
  bool is_required = false;
  bool may_repeat = false;

  /// What stands for its value: FILE, JOB, table|json|yaml.
  [[nodiscard]] std::string value_name() const;
};

struct verb_help {
  std::string name = {};  ///< "plugin new"; empty: the program
  std::string help = {};
  std::vector<option_help> options = {};
  std::vector<verb_help> verbs = {};
};

/// What completion offers for a value.
enum class value_kind : std::uint8_t { other, file, job, choice };
[[nodiscard]] value_kind kind_of(const option_help& option);

/// "plugin new NAME", with options in brackets where they may be left out.
[[nodiscard]] std::string synopsis_of(const verb_help& verb);

/// The verb and all below it, the program itself first.
[[nodiscard]] std::vector<const verb_help*> all_verbs(const verb_help& program);

}  // namespace baton::program
