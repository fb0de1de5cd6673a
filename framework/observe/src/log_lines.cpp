#include "log_lines.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include <spdlog/fmt/fmt.h>

#include "baton/base/utf8.hpp"

namespace baton::observe {
namespace {

std::string_view name_of(log_level level) noexcept {
  switch (level) {
    case log_level::debug: return "debug";
    case log_level::info: return "info";
    case log_level::warning: return "warning";
    case log_level::error: return "error";
  }
  return "error";
}

/// What would move a terminal's cursor, start a line, or reorder what a reader sees.
bool must_be_escaped(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

std::string bounded(std::string_view text, std::size_t limit) {
  const bool cut = text.size() > limit;
  if (cut) {
    text = text.substr(0, limit);
    // Not in the middle of a character: step back over its continuation bytes, and its lead if that is all there is.
    auto end = text.size();
    while (end > 0 && text.size() - end < 4 && (static_cast<unsigned char>(text[end - 1]) & 0xC0U) == 0x80) --end;
    if (end > 0 && static_cast<unsigned char>(text[end - 1]) >= 0xC0 && !first_code_point(text.substr(end - 1)).well_formed) {
      text = text.substr(0, end - 1);
    }
  }
  auto out = valid_utf8(text);
  if (cut) out += "\xE2\x80\xA6";
  return out;
}

std::string clean_key(std::string_view key) {
  std::string out{key.substr(0, log_limits::key)};
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) c = '_';
  }
  if (out.empty() || out == "time" || out == "level" || out == "message") out.insert(0, "field_");
  return out;
}

/// The escapes of JSON, which a human reads as well.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto next = first_code_point(text);
    switch (next.value) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (must_be_escaped(next.value)) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(next.value));
        } else {
          out += text.substr(0, next.size);
        }
    }
    text.remove_prefix(next.size);
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

bool is_plain(std::string_view value) noexcept {
  constexpr std::string_view marks = "_-./:+@%,;()[]<>*#";
  return !value.empty() && std::all_of(value.begin(), value.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || marks.find(c) != std::string_view::npos;
  });
}

void append_message_and_fields(std::string& out, const log_record& record) {
  append_escaped(out, record.message);
  for (const auto& [key, value] : record.fields) {
    out += ' ';
    out += key;
    out += '=';
    if (is_plain(value)) {
      out += value;
    } else {
      append_quoted(out, value);
    }
  }
}

std::string journal_name(std::string_view key) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> known{
      {{"job", "JOB_NAME"}, {"run", "RUN_ID"}, {"lock", "LOCK_NAME"}}};
  for (const auto& [ours, theirs] : known) {
    if (key == ours) return std::string{theirs};
  }
  std::string out{key};
  for (auto& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  // Names that begin with _ are journald's, a digit is not allowed, and these two are written by us.
  const bool reserved = out == "PRIORITY" || out == "SYSLOG_IDENTIFIER";
  if (reserved || out.front() == '_' || (out.front() >= '0' && out.front() <= '9')) out.insert(0, "FIELD_");
  return out;
}

void append_journal_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  if (value.find('\n') == std::string_view::npos) {
    out += '=';
  } else {
    out += '\n';
    for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>((std::uint64_t{value.size()} >> shift) & 0xFFU);
  }
  out += value;
  out += '\n';
}

}  // namespace

log_record make_record(wall_time time, log_level level, std::string_view message, std::span<const log_field> fields) {
  log_record record{time, level, bounded(message, log_limits::message), {}};
  std::size_t room = log_limits::all_values;
  std::size_t dropped = 0;
  for (const auto& [key, value] : fields) {
    if (room == 0 || record.fields.size() == log_limits::fields) {
      ++dropped;
      continue;
    }
    auto text = bounded(value, std::min(room, log_limits::value));
    room -= std::min(room, text.size());
    record.fields.emplace_back(clean_key(key), std::move(text));
  }
  if (dropped > 0) record.fields.emplace_back("fields_dropped", std::to_string(dropped));
  return record;
}

std::string to_text_line(const log_record& record, colouring colours) {
  std::string out = to_rfc3339(record.time);
  out += ' ';
  if (colours == colouring::on) {
    constexpr std::array<std::string_view, 4> codes{"\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[1;31m"};
    out += codes.at(static_cast<std::size_t>(record.level) - 1);
    out += name_of(record.level);
    out += "\x1b[0m";
  } else {
    out += name_of(record.level);
  }
  out += ' ';
  append_message_and_fields(out, record);
  return out;
}

std::string to_json_line(const log_record& record) {
  std::string out = fmt::format(R"({{"time":"{}","level":"{}","message":)", to_rfc3339(record.time), name_of(record.level));
  append_quoted(out, record.message);
  for (auto field = record.fields.begin(); field != record.fields.end(); ++field) {
    // Of two fields with one key readers keep one, and not all the same: the first stands.
    if (std::any_of(record.fields.begin(), field, [&](const auto& earlier) { return earlier.first == field->first; })) continue;
    fmt::format_to(std::back_inserter(out), R"(,"{}":)", field->first);
    append_quoted(out, field->second);
  }
  out += '}';
  return out;
}

std::string to_journal_datagram(const log_record& record) {
  std::string message;
  append_message_and_fields(message, record);
  std::string out;
  append_journal_field(out, "MESSAGE", message);
  append_journal_field(out, "PRIORITY", std::string{syslog_priority(record.level)});
  append_journal_field(out, "SYSLOG_IDENTIFIER", "baton");
  for (const auto& [key, value] : record.fields) append_journal_field(out, journal_name(key), value);
  return out;
}

char syslog_priority(log_level level) noexcept {
  switch (level) {
    case log_level::debug: return '7';
    case log_level::info: return '6';
    case log_level::warning: return '4';
    case log_level::error: return '3';
  }
  return '3';
}

log_format choose_format(log_format asked, const stream_facts& facts) noexcept {
  if (asked != log_format::automatic) return asked;
  const char* const end = facts.journal_stream.data() + facts.journal_stream.size();
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  const auto colon = std::from_chars(facts.journal_stream.data(), end, device);
  if (colon.ec == std::errc{} && colon.ptr != end && *colon.ptr == ':') {
    const auto rest = std::from_chars(colon.ptr + 1, end, inode);
    if (rest.ec == std::errc{} && rest.ptr == end && device == facts.device && inode == facts.inode) return log_format::journald;
  }
  return facts.is_terminal ? log_format::text : log_format::json;
}

}  // namespace baton::observe
