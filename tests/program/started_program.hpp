#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace baton::program {

struct answer {
  int code = -1;
  std::string out;
  std::string err;
};

/// A folder of this test's own, and the program run from there as a shell would.
class started_program : public testing::Test {
 protected:
  started_program() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~started_program() override { std::filesystem::remove_all(folder_); }

  answer run(const std::string& arguments) { return shell(std::string{BATON_PROGRAM} + " " + arguments); }

  answer shell(const std::string& command) {
    const auto error_file = folder_ + "/stderr";
    FILE* pipe = ::popen(("{ " + command + "; } 2>" + error_file).c_str(), "r");
    answer a;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) a.out.append(buffer.data(), n);
    const int status = ::pclose(pipe);
    a.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    a.err = read(error_file);
    return a;
  }

  static std::string read(const std::string& file) {
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  std::string written(const std::string& text, const std::string& name = "baton.yaml") {
    const auto file = folder_ + "/" + name;
    std::ofstream{file} << text;
    return file;
  }
  static std::string test_plugin(const std::string& name) { return std::string{BATON_TEST_PLUGINS} + "/" + name + ".so"; }
  static std::string shipped_plugin(const std::string& name) { return std::string{BATON_SHIPPED_PLUGINS} + "/" + name + ".so"; }

  std::string folder_ = std::filesystem::temp_directory_path() / "baton-program-XXXXXX";
};

}  // namespace baton::program
