#include "directory.hpp"

#include <sys/stat.h>

#include "fixture.hpp"

namespace baton::local::testing {
namespace {

using ::testing::HasSubstr;

class directory_test : public local_test {};

TEST_F(directory_test, makes_what_is_missing_for_this_account_alone) {
  const auto opened = ok(directory::open(folder_ + "/a/b/c"));
  for (const auto* part : {"/a", "/a/b/c", "/a/b/c/locks"}) {
    struct stat found {};
    ASSERT_EQ(::stat((folder_ + part).c_str(), &found), 0) << part;
    EXPECT_EQ(found.st_mode & 0777U, 0700U) << part;
  }
  EXPECT_TRUE(opened->still_in_place());
  EXPECT_TRUE(opened->is_writable());
}

TEST_F(directory_test, refuses_one_that_everybody_may_write) {
  std::filesystem::create_directories(path());
  ASSERT_EQ(::chmod(path().c_str(), 01777), 0);
  const auto refused = directory::open(path());
  EXPECT_EQ(code_of(refused), errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("chmod o-w"));
}

TEST_F(directory_test, refuses_what_is_no_directory) {
  std::ofstream{path()} << "x";
  EXPECT_EQ(code_of(directory::open(path())), errc::io);
  EXPECT_FALSE(directory::open("/proc/nothing/here"));
}

TEST_F(directory_test, knows_file_systems_that_other_hosts_share) {
  EXPECT_EQ(network_file_system(0x6969), "NFS");
  EXPECT_EQ(network_file_system(0xff534d42), "CIFS");
  EXPECT_EQ(network_file_system(0xfe534d42), "SMB");
  EXPECT_EQ(network_file_system(0xef53), "") << "ext4";
  EXPECT_EQ(network_file_system(0x01021994), "") << "tmpfs";
}

TEST_F(directory_test, notices_that_its_path_leads_elsewhere) {
  const auto opened = ok(directory::open(path()));
  std::filesystem::rename(path() + "/locks", path() + "/old");
  EXPECT_EQ(code_of(opened->still_in_place()), errc::store_unavailable);
  std::filesystem::rename(path() + "/old", path() + "/locks");
  EXPECT_TRUE(opened->still_in_place());
  std::filesystem::rename(path(), folder_ + "/moved");
  EXPECT_EQ(code_of(opened->still_in_place()), errc::store_unavailable);
  std::filesystem::create_directories(path());
  EXPECT_EQ(code_of(opened->still_in_place()), errc::store_unavailable);
}

TEST_F(directory_test, is_not_writable_on_a_read_only_file_system) {
  const small_disk disk{path()};
  if (!disk) GTEST_SKIP() << no_mount;
  const auto opened = ok(directory::open(path()));
  ASSERT_TRUE(disk.make_read_only());
  EXPECT_FALSE(opened->is_writable());
}

}  // namespace
}  // namespace baton::local::testing
