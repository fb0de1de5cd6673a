#include "loader.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace {

using baton::plugin_host::describe_plugin;
using testing::AllOf;
using testing::HasSubstr;

std::string test_plugin(const std::string& name) { return BATON_TEST_PLUGINS "/" + name + ".so"; }

std::string refusal(const std::string& path) {
  const auto described = describe_plugin(path);
  if (described) return "was not refused";
  EXPECT_EQ(described.error().code, baton::errc::plugin_refused);
  EXPECT_THAT(described.error().context, HasSubstr(path));
  return described.error().context;
}

TEST(loader, describes_a_plugin_and_its_parameters) {
  const auto plugin = describe_plugin(BATON_SHIPPED_PLUGINS "/exec.so");
  ASSERT_TRUE(plugin) << plugin.error().context;
  EXPECT_EQ(plugin->name, "exec");
  EXPECT_EQ(plugin->version, "1.0.0");
  EXPECT_EQ(plugin->abi_major, 1);
  EXPECT_FALSE(plugin->build_id.empty());
  ASSERT_FALSE(plugin->parameters.empty());
  EXPECT_EQ(plugin->parameters[0].name, "command");
  EXPECT_EQ(plugin->parameters[0].type, baton::plugin_host::parameter_type::text_list);
  EXPECT_TRUE(plugin->parameters[0].required);
}

TEST(loader, sees_which_plugin_uses_the_store) {
  EXPECT_FALSE(describe_plugin(BATON_SHIPPED_PLUGINS "/exec.so").value().uses_store);
  EXPECT_TRUE(describe_plugin(BATON_SHIPPED_PLUGINS "/sql.so").value().uses_store);
}

TEST(loader, accepts_a_plugin_written_in_c) {
  const auto plugin = describe_plugin(test_plugin("not_broken"));
  ASSERT_TRUE(plugin) << plugin.error().context;
  EXPECT_EQ(plugin->name, "not_broken");
}

TEST(loader, names_both_versions_when_the_major_version_is_another) {
  EXPECT_THAT(refusal(test_plugin("broken_major")), AllOf(HasSubstr("plugin ABI 2.0"), HasSubstr("this host speaks 1.0")));
}

TEST(loader, names_both_versions_when_the_minor_version_is_newer) {
  EXPECT_THAT(refusal(test_plugin("broken_minor")), AllOf(HasSubstr("plugin ABI 1.1"), HasSubstr("this host speaks 1.0")));
}

TEST(loader, refuses_a_descriptor_without_the_magic_number) {
  EXPECT_THAT(refusal(test_plugin("broken_magic")), HasSubstr("magic number"));
}
TEST(loader, refuses_a_truncated_descriptor) { EXPECT_THAT(refusal(test_plugin("broken_size")), HasSubstr("truncated")); }
TEST(loader, refuses_a_library_without_the_entry_function) {
  EXPECT_THAT(refusal(test_plugin("broken_symbol")), HasSubstr("no function baton_plugin_entry"));
}
TEST(loader, refuses_an_entry_function_that_returns_nothing) {
  EXPECT_THAT(refusal(test_plugin("broken_null")), HasSubstr("returned nothing"));
}
TEST(loader, refuses_a_descriptor_without_run) { EXPECT_THAT(refusal(test_plugin("broken_function")), HasSubstr("run")); }
TEST(loader, refuses_a_name_that_is_not_the_files) {
  EXPECT_THAT(refusal(test_plugin("broken_name")), AllOf(HasSubstr("'another_name'"), HasSubstr("another_name.so")));
}
TEST(loader, refuses_a_default_that_breaks_its_own_bounds) {
  EXPECT_THAT(refusal(test_plugin("broken_default")), AllOf(HasSubstr("'count'"), HasSubstr("at most 10")));
}
TEST(loader, refuses_a_relative_path) { EXPECT_THAT(refusal("plugins/noop.so"), HasSubstr("not absolute")); }
TEST(loader, refuses_a_path_without_a_file) { EXPECT_THAT(refusal("/nowhere/noop.so"), HasSubstr("No such file")); }

TEST(loader, refuses_a_file_that_is_no_library) {
  const auto path = test_plugin("text");
  std::filesystem::remove(path);
  std::filesystem::copy_file("/etc/passwd", path);
  EXPECT_THAT(refusal(path), HasSubstr("cannot be loaded"));
  std::filesystem::remove(path);
}

/// A copy of noop.so in a folder of its own.
class writable_by_all : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::filesystem::copy_file(BATON_SHIPPED_PLUGINS "/noop.so", path_);
    ASSERT_TRUE(describe_plugin(path_));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = BATON_TEST_PLUGINS "/writable";
  const std::string path_ = folder_ + "/noop.so";
};

TEST_F(writable_by_all, refuses_a_file_that_everybody_may_write) {
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  EXPECT_THAT(refusal(path_), HasSubstr("chmod o-w " + path_));
}

TEST_F(writable_by_all, refuses_a_file_in_a_folder_that_everybody_may_write) {
  ASSERT_EQ(::chmod(folder_.c_str(), 01777), 0);
  EXPECT_THAT(refusal(path_), HasSubstr("chmod o-w " + folder_));
}

TEST_F(writable_by_all, refuses_a_link_to_such_a_file) {
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  const std::string link = BATON_TEST_PLUGINS "/linked/noop.so";
  std::filesystem::create_directories(BATON_TEST_PLUGINS "/linked");
  std::filesystem::remove(link);
  std::filesystem::create_symlink(path_, link);
  EXPECT_FALSE(describe_plugin(link));
  std::filesystem::remove_all(BATON_TEST_PLUGINS "/linked");
}

}  // namespace
