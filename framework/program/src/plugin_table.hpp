#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "baton/plugin_host/parameters.hpp"

namespace baton::program {

/// A type as users know it: "text", "list of texts".
[[nodiscard]] std::string type_word(plugin_host::parameter_type type);
/// A value as it would be written in YAML.
[[nodiscard]] std::string value_text(const plugin_host::value& v);
/// What a plugin says of itself, for people to read; a table of its parameters.
[[nodiscard]] std::string describe(const plugin_host::plugin_description& plugin);
/// The same, for programs.
[[nodiscard]] boost::json::object as_json(const plugin_host::plugin_description& plugin);

}  // namespace baton::program
