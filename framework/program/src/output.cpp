#include "output.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <string>

namespace baton::program {

void print_list(const boost::json::array& all, bool as_yaml) {
  if (!as_yaml) {
    std::printf("%s\n", boost::json::serialize(all).c_str());
    return;
  }
  // A string of JSON is one of YAML.
  for (const auto& entry : all) {
    const char* lead = "- ";
    for (const auto& [key, value] : entry.as_object()) {
      std::printf("%s%s: %s\n", lead, std::string{key}.c_str(), boost::json::serialize(value).c_str());
      lead = "  ";
    }
  }
}

}  // namespace baton::program
