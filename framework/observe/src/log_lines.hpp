#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "baton/observe/log.hpp"

namespace baton::observe {

/// The longest parts of a message, in bytes; what is longer ends in an ellipsis.
struct log_limits {
  static constexpr std::size_t message = 1024;
  static constexpr std::size_t key = 48;
  static constexpr std::size_t value = 8 * 1024;
  static constexpr std::size_t all_values = 48 * 1024;  ///< fields beyond are dropped, and counted in a field of their own
  static constexpr std::size_t fields = 64;
};

/// A message made fit for printing: well-formed UTF-8, bounded, keys of a-z, 0-9 and _ alone.
struct log_record {
  wall_time time{};
  log_level level{};
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
};
[[nodiscard]] log_record make_record(wall_time time, log_level level, std::string_view message, std::span<const log_field> fields);

enum class colouring : std::uint8_t { off = 1, on };

/// `2026-11-22T15:04:05.000000Z info message key=value other="with space"`
[[nodiscard]] std::string to_text_line(const log_record& record, colouring colours);
/// One JSON object.
[[nodiscard]] std::string to_json_line(const log_record& record);
/// A datagram of journald's native protocol: MESSAGE as text with the fields, PRIORITY, SYSLOG_IDENTIFIER, and each field by itself,
/// `job` as JOB_NAME, `run` as RUN_ID, `lock` as LOCK_NAME, others in capitals.
[[nodiscard]] std::string to_journal_datagram(const log_record& record);

/// syslog's number: 3 error, 4 warning, 6 info, 7 debug.
[[nodiscard]] char syslog_priority(log_level level) noexcept;

/// What is known of stderr.
struct stream_facts {
  std::string_view journal_stream;  ///< $JOURNAL_STREAM, "device:inode"
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool is_terminal = false;
};
/// What `automatic` means here; anything else is returned as it is.
[[nodiscard]] log_format choose_format(log_format asked, const stream_facts& facts) noexcept;

}  // namespace baton::observe
