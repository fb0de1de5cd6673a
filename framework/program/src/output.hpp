#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace baton::program {

/// A list of objects on stdout, as JSON in a line or as YAML.
void print_list(const boost::json::array& all, bool as_yaml);
/// One object, in the same ways.
void print_object(const boost::json::object& one, bool as_yaml);

}  // namespace baton::program
