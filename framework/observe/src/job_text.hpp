#pragma once

#include <string>
#include <vector>

#include "job_series.hpp"

namespace baton::observe {

/// Appends the families of all `jobs` in the text exposition format.
///
/// prometheus-cpp copies every label of every series and formats each number through a stream, which takes seconds for the 1.4 million
/// lines of 10,000 jobs; this is bound by memory.
void write_jobs(const std::vector<const job_series*>& jobs, std::string& text);

}  // namespace baton::observe
