#include "cgroup.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "fixture.hpp"

namespace {

using namespace baton::plugin_host;
namespace fs = std::filesystem;
using testing::HasSubstr;

/// A folder with the files that the kernel would show.
class cgroups : public ::testing::Test {
 protected:
  cgroups() {
    fs::create_directories(group_ / "instance");
    write("0::/baton.service\n", self_);
    write("cpu memory pids\n", group_ / "cgroup.controllers");
    write("", group_ / "cgroup.subtree_control");
    write("", group_ / "instance/cgroup.procs");
    delegated_ = ::setxattr(group_.c_str(), "user.delegate", "1", 1, 0) == 0;
  }
  ~cgroups() override {
    std::error_code ignored;
    fs::remove_all(mount_, ignored);
  }

  static void write(const std::string& text, const fs::path& file) { std::ofstream{file} << text; }
  static std::string read(const fs::path& file) {
    std::string text;
    std::getline(std::ifstream{file}, text);
    return text;
  }
  [[nodiscard]] std::string refusal() const {
    const auto tree = cgroup_tree::take(mount_, self_);
    return tree ? "" : tree.error().context;
  }

  const fs::path mount_ = fs::temp_directory_path() / ("baton-cgroup-" + std::to_string(::getpid()));
  const fs::path group_ = mount_ / "baton.service";
  const fs::path self_ = mount_ / "self";
  bool delegated_ = false;
};

TEST_F(cgroups, are_taken_where_the_service_manager_has_delegated_memory) {
  if (!delegated_) GTEST_SKIP() << "cannot here: the temporary folder's file system keeps no attributes";
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(read(group_ / "instance/cgroup.procs"), "0") << "this process";
  EXPECT_EQ(read(group_ / "cgroup.subtree_control"), "+memory");
}

TEST_F(cgroups, are_left_alone_with_the_reason_elsewhere) {
  ::removexattr(group_.c_str(), "user.delegate");
  EXPECT_THAT(refusal(), HasSubstr("/baton.service is not delegated; a systemd unit says Delegate=memory"));
  write("cpu pids\n", group_ / "cgroup.controllers");
  EXPECT_THAT(refusal(), HasSubstr("/baton.service has no memory controller"));
  write("12:memory:/elsewhere\n", self_);
  EXPECT_THAT(refusal(), HasSubstr("in no cgroup of version 2"));
  EXPECT_EQ(read(group_ / "instance/cgroup.procs"), "");
}

TEST_F(cgroups, that_cannot_be_limited_do_not_stay) {
  if (!delegated_) GTEST_SKIP() << "cannot here: the temporary folder's file system keeps no attributes";
  auto tree = cgroup_tree::take(mount_, self_);
  ASSERT_TRUE(tree);
  const auto made = tree->make(64 << 20);  // the kernel would have put memory.max there
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().context, HasSubstr("memory.max"));
  EXPECT_EQ(std::distance(fs::directory_iterator{group_}, {}), 3);
}

TEST(cgroup, ends_what_uses_more_memory_than_it_may) {
  // In a process of its own, which it moves.
  int result = 0;
  const auto child = ::fork();
  if (child == 0) {
    auto tree = cgroup_tree::take();
    if (!tree) {
      std::fprintf(stderr, "SKIPPED: %s\n", tree.error().context.c_str());
      ::_exit(2);
    }
    const auto group = tree->make(64 << 20);
    if (!group) ::_exit(3);
    const auto greedy = ::fork();
    if (greedy == 0) {
      if (!join_cgroup(*group)) ::_exit(4);
      constexpr std::size_t size = std::size_t{128} << 20;
      ::_exit(std::memset(std::malloc(size), 1, size) == nullptr ? 5 : 6);
    }
    int status = 0;
    ::waitpid(greedy, &status, 0);
    const bool is_right = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && out_of_memory_kills(*group) == 1;
    const bool is_gone = baton::test::eventually([&] { return remove_cgroup(*group); });
    ::_exit(is_right && is_gone ? 0 : 1);
  }
  ::waitpid(child, &result, 0);
  if (WIFEXITED(result) && WEXITSTATUS(result) == 2)
    GTEST_SKIP() << "cannot here: this machine delegates no cgroup with memory to the tests";
  EXPECT_EQ(result, 0);
}

}  // namespace
