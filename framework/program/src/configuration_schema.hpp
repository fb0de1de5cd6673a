#pragma once

#include <boost/json/object.hpp>

namespace baton::program {

/// The JSON Schema (draft-07) of a configuration, for editors: from the table of keys that also validates it.
///
/// It takes whatever `baton check` takes. What it cannot say - ranges of durations, rules between keys, what is in other files or in the
/// environment - only `baton check` refuses.
[[nodiscard]] boost::json::object configuration_schema();

}  // namespace baton::program
