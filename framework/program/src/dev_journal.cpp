#include "dev_journal.hpp"

#include <array>
#include <fstream>
#include <sstream>

namespace baton::program {
namespace {

constexpr std::array<std::string_view, 5> names{"", "start", "alive", "stop", "end"};

}  // namespace

std::string to_line(const journal_entry& e) {
  std::ostringstream line;
  line << names[static_cast<std::size_t>(e.what)] << ' ' << e.at.wall.time_since_epoch().count() << ' '
       << e.at.steady.time_since_epoch().count() << ' ' << e.pid << ' ' << e.job << ' ' << to_rfc3339(e.tick) << ' ' << e.attempt << ' '
       << e.fence << ' ' << e.instance << ' ' << e.run_id << '\n';
  return line.str();
}

std::optional<journal_entry> parse_entry(std::string_view text) {
  std::istringstream line{std::string{text}};
  std::string what;
  std::string tick;
  std::string rest;
  std::int64_t wall = 0;
  std::int64_t steady = 0;
  journal_entry e;
  line >> what >> wall >> steady >> e.pid >> e.job >> tick >> e.attempt >> e.fence >> e.instance >> e.run_id;
  if (!line || line >> rest) return std::nullopt;
  const auto at = from_rfc3339(tick);
  if (!at) return std::nullopt;
  e.tick = *at;
  e.at = {wall_time{microseconds{wall}}, boot_time{microseconds{steady}}};
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (names[i] == what) e.what = static_cast<sign>(i);
  }
  if (e.what == sign{}) return std::nullopt;
  return e;
}

std::vector<journal_entry> journal_reader::read_new() {
  std::vector<journal_entry> entries;
  std::ifstream file{file_, std::ios::binary};
  file.seekg(position_);
  for (std::string line; std::getline(file, line) && !file.eof();) {
    position_ += static_cast<std::streamoff>(line.size()) + 1;
    if (auto entry = parse_entry(line)) {
      entries.push_back(std::move(*entry));
    } else {
      ++unreadable_;
    }
  }
  return entries;
}

}  // namespace baton::program
