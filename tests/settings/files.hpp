#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "baton/settings/settings.hpp"

namespace baton::settings::testing {

inline const std::filesystem::path root{BATON_SOURCE_DIR};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out << text;
  out.close();
  ASSERT_TRUE(out) << path;
  ::chmod(path.c_str(), 0644);
}

/// A copy that belongs to whoever runs the test, as a configuration has to; a checkout may be another's.
inline void copy_own(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  for (const auto& entry : std::filesystem::recursive_directory_iterator{from}) {
    const auto target = to / entry.path().lexically_relative(from);
    if (entry.is_directory()) {
      std::filesystem::create_directories(target);
    } else {
      write_file(target, read_file(entry.path()));
    }
  }
}

/// BATON_UPDATE_GOLDEN=1 rewrites what is compared; the change is then read in the diff.
inline bool is_updating() { return std::getenv("BATON_UPDATE_GOLDEN") != nullptr; }

/// A directory that goes away with the test.
class scratch : public ::testing::Test {
 protected:
  scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "baton-settings-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    directory = name;
  }
  ~scratch() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  /// One of the examples in config/.
  loaded load_example(const std::string& name) {
    write_file(directory / name, read_file(root / "config" / name));
    return load((directory / name).string());
  }

  loaded load_text(std::string_view text) {
    write_file(directory / "baton.yaml", text);
    return load((directory / "baton.yaml").string());
  }

  std::filesystem::path directory;
};

/// Sets a variable for the time of a test.
class variable {
 public:
  variable(std::string name, const char* value) : name_(std::move(name)) {
    if (const char* before = std::getenv(name_.c_str()); before != nullptr) before_ = before;
    if (value != nullptr) {
      ::setenv(name_.c_str(), value, 1);
    } else {
      ::unsetenv(name_.c_str());
    }
  }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() {
    if (before_) {
      ::setenv(name_.c_str(), before_->c_str(), 1);
    } else {
      ::unsetenv(name_.c_str());
    }
  }

 private:
  std::string name_;
  std::optional<std::string> before_;
};

inline std::string text_of(const loaded& l) {
  std::string out;
  for (const auto& p : l.problems) out += render(p);
  return out;
}

}  // namespace baton::settings::testing
