#include "listener.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

namespace baton::admin {
namespace {

using testing::HasSubstr;

class listener_on_unix : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_ = testing::TempDir() + "/baton_listener_" + std::to_string(::getpid());
};

TEST(listener, finds_a_free_port_and_keeps_it_for_itself) {
  const auto first = listener::on_tcp("127.0.0.1", 0);
  ASSERT_TRUE(first);
  ASSERT_NE(first->port(), 0);
  const auto second = listener::on_tcp("127.0.0.1", first->port());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::io);
  EXPECT_THAT(second.error().context,
              HasSubstr("127.0.0.1 port " + std::to_string(first->port()) + ": Address already in use; choose another"));
}

TEST(listener, says_what_an_address_looks_like) {
  for (const auto* host : {"", "db1", "127.1", "*", "[::1]"}) {
    const auto made = listener::on_tcp(host, 0);
    ASSERT_FALSE(made) << host;
    EXPECT_EQ(made.error().code, errc::invalid_argument);
    EXPECT_THAT(made.error().context, HasSubstr("write an address such as"));
  }
  EXPECT_TRUE(listener::on_tcp("localhost", 0));
}

TEST(listener, does_not_reach_programs_that_are_started) {
  const auto made = listener::on_tcp("127.0.0.1", 0);
  ASSERT_TRUE(made);
  EXPECT_NE(::fcntl(made->descriptor(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(listener_on_unix, is_open_to_its_group_whatever_the_umask_and_goes_with_its_file) {
  const auto mask = ::umask(0077);
  {
    const auto made = listener::on_unix(path_);
    ::umask(mask);
    ASSERT_TRUE(made) << made.error().context;
    struct stat found {};
    ASSERT_EQ(::lstat(path_.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777U, 0660U);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(listener_on_unix, replaces_what_a_dead_process_left_but_nothing_that_lives) {
  std::optional<listener> first;
  {
    auto made = listener::on_unix(path_);
    ASSERT_TRUE(made);
    first.emplace(std::move(*made));
  }
  const auto second = listener::on_unix(path_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().context, HasSubstr("another process listens there"));
  std::filesystem::rename(path_, path_ + ".moved");  // so that its end leaves the file
  first.reset();
  std::filesystem::rename(path_ + ".moved", path_);
  EXPECT_TRUE(listener::on_unix(path_));
}

TEST_F(listener_on_unix, leaves_files_of_other_kinds_and_the_socket_of_a_successor_alone) {
  std::ofstream{path_} << "precious";
  EXPECT_FALSE(listener::on_unix(path_));
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
  std::filesystem::remove(path_);
  std::optional<listener> first;
  {
    auto made = listener::on_unix(path_);
    ASSERT_TRUE(made);
    first.emplace(std::move(*made));
  }
  std::filesystem::rename(path_, path_ + ".moved");
  const auto successor = listener::on_unix(path_);
  ASSERT_TRUE(successor);
  first.reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
  std::filesystem::remove(path_ + ".moved");
}

TEST_F(listener_on_unix, refuses_paths_that_cannot_be_one) {
  EXPECT_EQ(listener::on_unix("/tmp/" + std::string(200, 'x')).error().code, errc::invalid_argument);
  EXPECT_EQ(listener::on_unix("").error().code, errc::invalid_argument);
  EXPECT_THAT(listener::on_unix("/nonexistent/x.sock").error().context, HasSubstr("its directory must exist"));
}

}  // namespace
}  // namespace baton::admin
