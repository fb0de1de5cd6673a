#include "source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "baton/base/utf8.hpp"
#include "masking.hpp"

namespace baton::settings {
namespace {

constexpr std::size_t largest_file = 4U << 20U;

class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// Whoever owns a file or its folder can write another one there.
bool is_trusted(uid_t owner) noexcept { return owner == 0 || owner == ::geteuid(); }

std::string wrong_owner(uid_t owner) {
  return "belongs to user " + std::to_string(owner) + ", who could run programs through it; root or the user of this process may own it";
}

problem whole_file(const std::string& file, std::string message, std::string hint = {}) {
  return {{file, 0, 0}, {}, std::move(message), std::move(hint), false, {}, 0};
}

/// Who else could put something there. A sticky folder (/tmp) lets nobody replace what is another's.
std::optional<problem> refuse_writers(const std::string& file, const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return std::nullopt;  // a pipe of the shell's
  if ((info.st_mode & S_IWOTH) != 0)
    return whole_file(file, "everybody may write this file, so anybody could run programs through it", "run: chmod o-w " + file);
  if (!is_trusted(info.st_uid)) return whole_file(file, wrong_owner(info.st_uid), "run: chown root " + file);
  std::error_code ignored;
  const auto folder = std::filesystem::canonical(file, ignored).parent_path().string();
  struct stat around {};
  if (folder.empty() || ::stat(folder.c_str(), &around) != 0) return std::nullopt;
  if ((around.st_mode & S_IWOTH) != 0 && (around.st_mode & S_ISVTX) == 0)
    return whole_file(file, "everybody may write to its folder " + folder + ", so anybody could put another file here",
                      "run: chmod o-w " + folder);
  if (!is_trusted(around.st_uid))
    return whole_file(file, "its folder " + folder + " " + wrong_owner(around.st_uid), "run: chown root " + folder);
  return std::nullopt;
}

/// What a YAML file must not contain.
std::optional<std::size_t> find_strange_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) return i;
    const auto next = first_code_point(text.substr(i));
    if (!next.well_formed) return i;
    i += next.size;
  }
  return std::nullopt;
}

std::string hexadecimal(char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return std::string{"0x"} + digits[byte >> 4U] + digits[byte & 15U];
}

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

/// Keeps the part of a long line that is around the caret.
void cut(std::string& text, std::size_t& caret) {
  constexpr std::size_t widest = 140;
  constexpr std::size_t before_caret = 80;
  const auto length = count_characters(text);
  if (length <= widest) return;
  const auto first = caret > before_caret ? caret - before_caret : 0;
  std::string kept;
  std::size_t character = 0;
  for (const char c : text) {
    if (starts_character(c)) ++character;
    if (character > first && character <= first + widest) kept += c;
  }
  if (first > 0) kept = "…" + kept;
  if (length > first + widest) kept += "…";
  caret = caret - first + (first > 0 ? 1 : 0);
  text = std::move(kept);
}

}  // namespace

source::source(std::string file, std::string text) : name_(std::move(file)), text_(std::move(text)) {
  if (text_.starts_with("\xef\xbb\xbf")) text_.erase(0, 3);
  starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') starts_.push_back(i + 1);
  }
}

std::variant<std::unique_ptr<source>, problem> source::read(const std::string& file) {
  const descriptor fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  const auto refused = [&] { return whole_file(file, "cannot be read: " + std::string{std::strerror(errno)}); };
  if (fd.get() < 0) return refused();
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return refused();
  if (S_ISDIR(info.st_mode)) return whole_file(file, "is a directory; a file is expected");
  if (auto refusal = refuse_writers(file, info)) return *std::move(refusal);
  std::string text;
  std::array<char, 65536> chunk;
  while (true) {
    const auto got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused();
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    if (text.size() > largest_file) return whole_file(file, "is larger than 4 MiB", "split it with include");
  }
  return take(file, std::move(text));
}

std::variant<std::unique_ptr<source>, problem> source::take(std::string file, std::string text) {
  std::unique_ptr<source> made{new source{std::move(file), std::move(text)}};
  const auto strange = find_strange_byte(made->text_);
  if (!strange) return made;
  const auto line =
      static_cast<std::size_t>(std::upper_bound(made->starts_.begin(), made->starts_.end(), *strange) - made->starts_.begin());
  const auto start = made->starts_[line - 1];
  const char byte = made->text_[*strange];
  const bool is_control = static_cast<unsigned char>(byte) < 0x80;
  problem p{{made->name_, line, count_characters(std::string_view{made->text_}.substr(start, *strange - start)) + 1},
            {},
            "byte " + hexadecimal(byte) + (is_control ? " is a control character; YAML allows none" : " is not valid UTF-8"),
            is_control ? "" : "save the file as UTF-8",
            false,
            {},
            0};
  auto column = *strange - start + 1;
  p.source = storable(mask_passwords(*made, line, column), std::string::npos, keep::first);
  std::ranges::replace_if(
      p.source, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  p.caret = count_characters(std::string_view{p.source}.substr(0, column - 1)) + 1;
  cut(p.source, p.caret);
  return p;
}

std::string_view source::line(std::size_t number) const noexcept {
  if (number == 0 || number > starts_.size()) return {};
  const auto begin = starts_[number - 1];
  auto end = number == starts_.size() ? text_.size() : starts_[number] - 1;
  if (end > begin && text_[end - 1] == '\r') --end;
  return std::string_view{text_}.substr(begin, end - begin);
}

std::size_t source::offset(const place& at) const noexcept {
  if (at.line == 0 || at.line > starts_.size()) return text_.size();
  return std::min(starts_[at.line - 1] + (at.column == 0 ? 0 : at.column - 1), text_.size());
}

std::string source::resolve(const std::string& path) const {
  return (std::filesystem::path{name_}.parent_path() / path).string();  // an absolute path replaces the directory
}

problem source::problem_at(const place& at, std::string path, std::string message, std::string hint) const {
  problem p{mark_of(at), std::move(path), std::move(message), std::move(hint), false, {}, 0};
  auto column = at.column;
  auto text = mask_passwords(*this, at.line, column);
  for (char& c : text) {
    if (c == '\t' || c == '\r') c = ' ';
  }
  p.caret = count_characters(std::string_view{text}.substr(0, column == 0 ? 0 : column - 1)) + 1;
  cut(text, p.caret);
  p.source = std::move(text);
  return p;
}

mark source::mark_of(const place& at) const {
  const auto text = line(at.line);
  const auto before = text.substr(0, at.column == 0 ? 0 : at.column - 1);
  return {name_, at.line, at.line == 0 ? 0 : count_characters(before) + 1};
}

void quote_source(problem& p) {
  if (p.where.line == 0 || !p.source.empty()) return;
  const auto read = source::read(p.where.file);
  const auto* in = std::get_if<std::unique_ptr<source>>(&read);
  if (in == nullptr) return;
  const auto line = (*in)->line(p.where.line);
  place at{in->get(), p.where.line, 1};
  for (std::size_t character = 1; at.column <= line.size(); ++at.column) {
    if (starts_character(line[at.column - 1]) && character++ >= p.where.column) break;
  }
  auto quoted = (*in)->problem_at(at, {}, {}, {});
  p.source = std::move(quoted.source);
  p.caret = quoted.caret;
}

void report::error(const place& at, std::string path, std::string message, std::string hint) {
  problems.push_back(at.in->problem_at(at, std::move(path), std::move(message), std::move(hint)));
}

void report::warning(const place& at, std::string path, std::string message, std::string hint) {
  error(at, std::move(path), std::move(message), std::move(hint));
  problems.back().is_warning = true;
}

bool report::has_errors() const noexcept {
  return std::any_of(problems.begin(), problems.end(), [](const problem& p) { return !p.is_warning; });
}

}  // namespace baton::settings
