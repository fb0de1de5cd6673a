#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/time.hpp"

namespace baton::program {

/// What a handler of the demo says of itself.
enum class sign : std::uint8_t {
  start = 1,
  alive,  ///< every 100 ms, so that the end of a killed run can be told
  stop,   ///< ended because it was asked to
  end,
};

/// One line that a handler has appended to the journal of the demo: the truth that the scheduler is held against.
struct journal_entry {
  sign what{};
  time_point at;
  pid_t pid = 0;
  std::string job;
  wall_time tick{};
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;
  std::string instance;
  std::string run_id;
  friend bool operator==(const journal_entry&, const journal_entry&) = default;
};

/// One line with its end; no field may be empty or hold a blank.
[[nodiscard]] std::string to_line(const journal_entry& entry);
/// Reads what to_line writes, without the end of line; nullopt for anything else.
[[nodiscard]] std::optional<journal_entry> parse_entry(std::string_view line);

/// Follows a journal that others append to.
class journal_reader {
 public:
  explicit journal_reader(std::filesystem::path file) : file_(std::move(file)) {}

  /// The entries since the last call. A line without its end waits for the next call.
  [[nodiscard]] std::vector<journal_entry> read_new();
  /// Lines that were no entry: none, unless something else writes to the file.
  [[nodiscard]] std::size_t unreadable() const noexcept { return unreadable_; }

 private:
  std::filesystem::path file_;
  std::streamoff position_ = 0;
  std::size_t unreadable_ = 0;
};

/// `baton dev-job JOURNAL MILLISECONDS`: the handler of the demo's jobs, run by the exec plugin. Writes its start, signs of life and its
/// end, each by one append.
[[nodiscard]] int dev_job_main(int argc, char** argv);

}  // namespace baton::program
