#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baton::program {

/// What is to be known of a crontab beside its text.
struct crontab_source {
  std::string file;        ///< for messages
  bool is_system = false;  ///< a column for the user
  std::string cluster;
  std::string timezone;  ///< of schedules without CRON_TZ
};

/// A configuration with a job for each entry, and an honest list of what is not as it was.
struct imported_crontab {
  std::string yaml;
  std::vector<std::string> notes;  ///< "FILE:LINE: what"; first what was left out
  std::size_t job_count = 0;
  std::size_t left_out = 0;  ///< entries without a job
};

/// Reads what cron(8) of Debian or cronie read, and keeps the ticks that cron would have: an entry of which that cannot be said is left
/// out.
[[nodiscard]] imported_crontab import_crontab(std::string_view text, const crontab_source& source);

}  // namespace baton::program
