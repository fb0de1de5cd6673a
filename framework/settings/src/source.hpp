#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "baton/settings/settings.hpp"

namespace baton::settings {

class source;

/// A byte of a source: line and byte column, 1-based. Line 0: the file as a whole.
struct place {
  const source* in = nullptr;
  std::size_t line = 0;
  std::size_t column = 0;
};

/// A configuration file in memory: UTF-8 without control characters, at most 4 MiB.
class source {
 public:
  /// Reads a file, or says why it is not taken.
  [[nodiscard]] static std::variant<std::unique_ptr<source>, problem> read(const std::string& file);
  /// Takes a text that is at hand; the problem, if there is one, is an invalid byte.
  [[nodiscard]] static std::variant<std::unique_ptr<source>, problem> take(std::string file, std::string text);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] std::size_t line_count() const noexcept { return starts_.size(); }
  /// Without its end. Empty beyond the last line.
  [[nodiscard]] std::string_view line(std::size_t number) const noexcept;
  /// Where a place is in text(); clamped.
  [[nodiscard]] std::size_t offset(const place& at) const noexcept;
  /// `path`, from this file's directory if it is relative.
  [[nodiscard]] std::string resolve(const std::string& path) const;

  /// A problem at a place, with its line fit to be printed.
  [[nodiscard]] problem problem_at(const place& at, std::string path, std::string message, std::string hint) const;
  /// A place as people count: in characters.
  [[nodiscard]] mark mark_of(const place& at) const;

 private:
  source(std::string file, std::string text);

  std::string name_;
  std::string text_;
  std::vector<std::size_t> starts_;
};

/// Collects problems.
class report {
 public:
  void error(const place& at, std::string path, std::string message, std::string hint = {});
  void warning(const place& at, std::string path, std::string message, std::string hint = {});
  void add(problem p) { problems.push_back(std::move(p)); }
  [[nodiscard]] bool has_errors() const noexcept;

  std::vector<problem> problems;
};

}  // namespace baton::settings
