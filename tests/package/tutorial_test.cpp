// docs/tutorial/write-a-plugin.md, followed to the letter: its commands are run, its files written, what it says is printed is looked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "baton/testing/fleet_process.hpp"

namespace baton::package {
namespace {

namespace fs = std::filesystem;
using testing::child_process;
using namespace std::chrono_literals;

struct block {
  std::string prose;  ///< what stands before it
  std::string language;
  std::string text;
};

std::vector<block> blocks_of(const std::string& page) {
  std::vector<block> found;
  std::istringstream lines{page};
  block next;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      if (inside) found.push_back(std::exchange(next, {}));
      next.language += line.substr(3);
      inside = !inside;
    } else {
      (inside ? next.text : next.prose) += line + "\n";
    }
  }
  return found;
}

/// A line of the page as a pattern: … is anything, and as many blanks as one likes are one.
std::regex pattern_of(const std::string& line) {
  static const std::regex special{R"([.^$|()\[\]{}*+?\\])"};
  static const std::regex blanks{" +"};
  auto text = std::regex_replace(line, special, R"(\$&)");
  text = std::regex_replace(text, blanks, " *");
  for (auto at = text.find("…"); at != std::string::npos; at = text.find("…", at)) text.replace(at, std::string{"…"}.size(), ".*");
  return std::regex{text};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

/// A reader with a home of their own, and a clone: BATON_TUTORIAL_CLONE is a real one, else its `./dev build` has been done.
class reader {
 public:
  reader() {
    std::string name = (fs::temp_directory_path() / "baton-tutorial-XXXXXX").string();
    BATON_ASSERT(::mkdtemp(name.data()) != nullptr);
    home_ = name;
    if (const char* const clone = std::getenv("BATON_TUTORIAL_CLONE")) {
      directory_ = clone;
      return;
    }
    fs::create_directories(home_ / "clone/build");
    fs::create_directory_symlink(BATON_BUILD_DIR, home_ / "clone/build/release");
    std::ofstream{home_ / "clone/dev"} << "#!/bin/sh\ntest \"$*\" = build\n";  // has been done
    fs::permissions(home_ / "clone/dev", fs::perms::owner_all);
  }
  ~reader() {
    terminals_.clear();
    fs::remove_all(home_);
  }
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

  /// Carries out a block. What it prints, stderr too; in the end the directory and the variables are what it left.
  std::string type(const std::string& commands, std::string& failure) {
    const auto process = start(commands + "\npwd > \"$HOME/.where\"\n");
    const auto code = process->await_exit(300s);
    if (code != 0) failure = "ended with " + (code ? std::to_string(*code) : "nothing") + ":\n" + process->output();
    for (const auto& line : lines_of(commands))
      if (line.starts_with("export ")) exports_ += line + "\n";
    directory_ = testing::read_text(home_ / ".where").substr(0, testing::read_text(home_ / ".where").find('\n'));
    return process->output();
  }
  /// The same in a terminal that it keeps.
  void leave_running(const std::string& commands) { terminals_.push_back(start(commands)); }
  child_process& terminal(std::size_t number) { return *terminals_.at(number); }
  void write(const std::string& name, const std::string& text) { std::ofstream{fs::path{directory_} / name} << text; }

 private:
  std::unique_ptr<child_process> start(const std::string& commands) {
    const auto script = "set -e\ncd \"" + (directory_.empty() ? (home_ / "clone").string() : directory_) + "\"\n" + exports_ + commands;
    auto started = child_process::start({{"/bin/bash", "-c", script},
                                         {"HOME=" + home_.string(), "XDG_STATE_HOME=", "STATE_DIRECTORY=", "CMAKE_PREFIX_PATH="},
                                         (home_ / ("output-" + std::to_string(++count_))).string()});
    BATON_ASSERT(started);
    return std::move(*started);
  }

  fs::path home_;
  std::string directory_;
  std::string exports_;
  int count_ = 0;
  std::vector<std::unique_ptr<child_process>> terminals_;
};

/// The first line of the page that is not to be found; empty: all are.
std::string missing_line(const std::string& expected, const std::string& printed) {
  const auto lines = lines_of(printed);
  for (const auto& line : lines_of(expected)) {
    const auto pattern = pattern_of(line);
    if (std::ranges::none_of(lines, [&](const auto& l) { return std::regex_search(l, pattern); })) return line;
  }
  return {};
}

TEST(tutorial, leads_from_a_clone_to_an_own_plugin_in_a_fleet_of_two) {
  const auto blocks = blocks_of(testing::read_text(std::string{BATON_SOURCE_DIR} + "/docs/tutorial/write-a-plugin.md"));
  ASSERT_GT(blocks.size(), 10U);
  reader me;
  std::size_t typed = 0;
  static const std::regex file{R"(<!-- from: \S*/(\S+) -->\n$)"};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto& b = blocks[i];
    std::smatch name;
    if (std::regex_search(b.prose, name, file)) {
      me.write(name[1], b.text);
      continue;
    }
    if (b.language != "sh") continue;
    typed += b.text.size();
    if (b.prose.find("Ctrl-C in the first terminal") != std::string::npos) me.terminal(0).signal(SIGINT);
    if (b.text.find("baton run ") != std::string::npos) {
      me.leave_running(b.text);
      continue;
    }
    const auto expected = i + 1 < blocks.size() && blocks[i + 1].language == "text" ? blocks[i + 1].text : "";
    std::string failure;
    std::string printed;
    std::string missing;
    const auto is_as_written = [&] {
      failure.clear();
      printed = me.type(b.text, failure);
      missing = missing_line(expected, printed);
      return failure.empty() && missing.empty();
    };
    // What two instances do takes a moment to be seen; anything else is so at once.
    const bool is_look = b.text.find("baton runs") != std::string::npos;
    const bool is_good = is_look ? testing::eventually(is_as_written, 60s, 500ms) : is_as_written();
    ASSERT_TRUE(is_good) << b.text << failure << "not printed: " << missing << "\n--- printed:\n" << printed;
  }
  me.terminal(1).signal(SIGINT);
  EXPECT_EQ(me.terminal(0).await_exit(20s), 0) << me.terminal(0).output();
  EXPECT_EQ(me.terminal(1).await_exit(20s), 0) << me.terminal(1).output();
  EXPECT_LT(typed, 1000U) << "five minutes at 200 characters a minute";
}

}  // namespace
}  // namespace baton::package
