#include "loader.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

using baton::plugin_host::describe_plugin;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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
  ASSERT_EQ(plugin->metrics.size(), 1U);
  EXPECT_EQ(plugin->metrics[0].name, "errors_total");
}

TEST(loader, describes_the_metrics_of_a_plugin) {
  const auto plugin = describe_plugin(test_plugin("counts"));
  ASSERT_TRUE(plugin) << plugin.error().context;
  ASSERT_EQ(plugin->metrics.size(), 5U);
  EXPECT_EQ(plugin->metrics[2].labels, (baton::plugin_host::text_map{{"kind", "gone"}}));
  EXPECT_EQ(plugin->metrics[4].buckets, (std::vector<double>{0.1, 1, 10}));
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
TEST(loader, refuses_a_text_that_is_not_utf8) {
  EXPECT_THAT(refusal(test_plugin("broken_utf8")), HasSubstr("parameter 'count' has a help that is not UTF-8"));
}
TEST(loader, refuses_a_metric_that_is_none) {
  EXPECT_THAT(refusal(test_plugin("broken_metric")), HasSubstr("metric 'errors_total' is named against the rule"));
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

/// A descriptor that is fine, to be broken without a compiler. ABI 1.0 is the first: there is no older minor to accept yet.
class descriptor : public testing::Test {
 protected:
  descriptor() {
    row_.name = text("count");
    row_.type = BATON_TYPE_TEXT;
    d_.magic = BATON_ABI_MAGIC;
    d_.struct_size = sizeof d_;
    d_.abi_major = BATON_ABI_MAJOR;
    d_.abi_minor = BATON_ABI_MINOR;
    d_.name = text("x");
    d_.parameters = &row_;
    d_.parameter_count = 1;
    d_.parameter_size = sizeof row_;
    d_.create = [](const baton_host*, void**) noexcept -> std::uint32_t { return BATON_STATUS_OK; };
    d_.run = [](void*) noexcept -> std::uint32_t { return BATON_OUTCOME_SUCCESS; };
    d_.destroy = [](void*) noexcept {};
  }
  static baton_string text(std::string_view t) { return {t.data(), t.size()}; }
  std::string refused() {
    const auto read = baton::plugin_host::read_descriptor("/p/x.so", &d_);
    return read ? "was not refused" : read.error().context;
  }

  baton_parameter row_{};
  baton_plugin_descriptor d_{};
};

TEST_F(descriptor, is_taken_as_a_later_host_of_the_same_minor_might_write_it) {
  EXPECT_EQ(refused(), "was not refused");
  d_.struct_size += 64;
  EXPECT_EQ(refused(), "was not refused");
}

TEST_F(descriptor, is_refused_with_texts_that_are_too_long_or_none) {
  const std::string too_long(2000, 'x');
  const std::string two_lines = "1.0\n2.0";
  const std::string latin1 = "caf\xE9";
  d_.version = text(too_long);
  EXPECT_THAT(refused(), HasSubstr("it has a version that is longer than 1024 bytes"));
  d_.version = text(two_lines);
  EXPECT_THAT(refused(), HasSubstr("it has a version that is not one line"));
  d_.version = {};
  d_.build_id = text(latin1);
  EXPECT_THAT(refused(), HasSubstr("it has a build id that is not UTF-8"));
  d_.build_id = {nullptr, 7};
  EXPECT_THAT(refused(), HasSubstr("it has a build id that points to nothing"));
}

TEST_F(descriptor, is_refused_with_choices_and_defaults_that_are_none) {
  const std::string latin1 = "caf\xE9";
  const std::vector<baton_string> choices(300, text(latin1));
  row_.choice_count = 1;
  EXPECT_THAT(refused(), HasSubstr("choices that point to nothing"));
  row_.choices = choices.data();
  EXPECT_THAT(refused(), HasSubstr("'count' has a choice that is not UTF-8"));
  row_.choice_count = choices.size();
  EXPECT_THAT(refused(), HasSubstr("more than 256 choices"));
  row_.choice_count = 0;
  row_.flags = BATON_PARAMETER_HAS_DEFAULT;
  row_.fallback = text(latin1);
  EXPECT_THAT(refused(), HasSubstr("'count' has a default that is not UTF-8"));
}

TEST_F(descriptor, is_refused_without_showing_a_secret) {
  row_.type = BATON_TYPE_MAP;
  row_.flags = BATON_PARAMETER_HAS_DEFAULT | BATON_PARAMETER_SECRET;
  row_.fallback = text("hunter2");
  EXPECT_THAT(refused(), AllOf(HasSubstr("not of the form key=value"), Not(HasSubstr("hunter2"))));
}

TEST_F(descriptor, is_refused_with_more_parameters_than_anybody_needs) {
  const std::vector<baton_parameter> rows(257, row_);
  d_.parameters = rows.data();
  d_.parameter_count = 257;
  EXPECT_THAT(refused(), HasSubstr("more than 256 parameters"));
}

/// A copy of noop.so in a folder of its own: one of each process, because tests run beside each other.
class writable_by_others : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::filesystem::copy_file(BATON_SHIPPED_PLUGINS "/noop.so", path_);
    ASSERT_TRUE(describe_plugin(path_));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = BATON_TEST_PLUGINS "/writable_" + std::to_string(::getpid());
  const std::string path_ = folder_ + "/noop.so";
};

TEST_F(writable_by_others, refuses_a_file_that_everybody_may_write) {
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  EXPECT_THAT(refusal(path_), HasSubstr("chmod o-w " + path_));
}

TEST_F(writable_by_others, refuses_a_file_in_a_folder_that_everybody_may_write) {
  ASSERT_EQ(::chmod(folder_.c_str(), 01777), 0);
  EXPECT_THAT(refusal(path_), HasSubstr("chmod o-w " + folder_));
}

TEST_F(writable_by_others, refuses_what_belongs_to_another_user) {
  constexpr uid_t another = 65534;
  if (::geteuid() != 0) GTEST_SKIP() << "cannot here: only root can give files away";
  ASSERT_EQ(::chown(folder_.c_str(), another, static_cast<gid_t>(-1)), 0);
  EXPECT_THAT(refusal(path_), HasSubstr("chown root " + folder_));
  ASSERT_EQ(::chown(folder_.c_str(), 0, static_cast<gid_t>(-1)), 0);
  ASSERT_EQ(::chown(path_.c_str(), another, static_cast<gid_t>(-1)), 0);
  EXPECT_THAT(refusal(path_), HasSubstr(path_ + " belongs to user 65534"));
}

TEST_F(writable_by_others, refuses_a_link_to_such_a_file) {
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  const std::string linked = folder_ + "/linked";
  std::filesystem::create_directory(linked);
  std::filesystem::create_symlink(path_, linked + "/noop.so");
  EXPECT_THAT(refusal(linked + "/noop.so"), HasSubstr("chmod o-w"));
}

}  // namespace
