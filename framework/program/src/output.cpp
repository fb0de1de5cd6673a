#include "output.hpp"

#include <boost/json/serialize.hpp>
#include <cstdio>
#include <string>

namespace baton::program {
namespace {

/// A string of JSON is one of YAML, and so is a list or a map of them.
void print_yaml(const boost::json::object& one, const char* lead, const char* then) {
  for (const auto& [key, value] : one) {
    std::printf("%s%s: %s\n", lead, std::string{key}.c_str(), boost::json::serialize(value).c_str());
    lead = then;
  }
}

}  // namespace

void print_list(const boost::json::array& all, bool as_yaml) {
  if (!as_yaml) {
    std::printf("%s\n", boost::json::serialize(all).c_str());
    return;
  }
  for (const auto& entry : all) print_yaml(entry.as_object(), "- ", "  ");
}

void print_object(const boost::json::object& one, bool as_yaml) {
  if (as_yaml) return print_yaml(one, "", "");
  std::printf("%s\n", boost::json::serialize(one).c_str());
}

}  // namespace baton::program
