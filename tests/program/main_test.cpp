#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace baton::program {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;

struct answer {
  int code = -1;
  std::string out;
  std::string err;
};

/// A folder of this test's own, and the program run from there as a shell would.
class main_program : public testing::Test {
 protected:
  main_program() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~main_program() override { std::filesystem::remove_all(folder_); }

  answer run(const std::string& arguments) {
    const auto error_file = folder_ + "/stderr";
    FILE* pipe = ::popen((std::string{BATON_PROGRAM} + " " + arguments + " 2>" + error_file).c_str(), "r");
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
  std::string written(const std::string& text) {
    const auto file = folder_ + "/baton.yaml";
    std::ofstream{file} << text;
    return file;
  }

  std::string folder_ = std::filesystem::temp_directory_path() / "baton-main-XXXXXX";
};

TEST_F(main_program, says_what_is_wrong_with_a_command_line) {
  for (const auto* arguments : {"", "--nonsense", "run", "check --config", "migrate", "version -o xml", "dev --instances 1",
                                "dev --instances 10", "dev --store postgres", "dev --for", "dev-job", "dev-job onlyone"}) {
    const auto a = run(arguments);
    EXPECT_EQ(a.code, 64) << arguments;
    EXPECT_THAT(a.err, testing::StartsWith("baton: error: ")) << arguments;
    EXPECT_THAT(a.out, IsEmpty()) << arguments;
  }
}

TEST_F(main_program, suggests_the_verb_that_was_meant) {
  const auto near = run("chek -c x");
  EXPECT_EQ(near.code, 64);
  EXPECT_THAT(near.err, HasSubstr("there is no verb 'chek' (did you mean 'check'?)"));
  const auto far = run("frobnicate");
  EXPECT_EQ(far.code, 64);
  EXPECT_THAT(far.err, Not(HasSubstr("did you mean")));
}

TEST_F(main_program, refuses_a_length_of_time_without_a_unit) {
  const auto a = run("dev --for 30");
  EXPECT_EQ(a.code, 64);
  EXPECT_THAT(a.err, HasSubstr("--for"));
}

TEST_F(main_program, helps_on_stdout) {
  const auto a = run("--help");
  EXPECT_EQ(a.code, 0);
  EXPECT_THAT(a.err, IsEmpty());
  for (const auto* verb : {"run", "check", "doctor", "migrate", "version", "dev"}) EXPECT_THAT(a.out, HasSubstr(verb));
  EXPECT_THAT(a.out, Not(HasSubstr("dev-job")));
}

TEST_F(main_program, prints_its_version_in_three_forms) {
  EXPECT_THAT(run("version").out, testing::StartsWith("baton "));
  EXPECT_THAT(run("version -o json").out, testing::StartsWith("{\"version\": \""));
  EXPECT_THAT(run("version -o yaml").out, testing::StartsWith("version: \""));
  EXPECT_EQ(run("version").code, 0);
}

TEST_F(main_program, shows_the_statements_of_a_migration_without_a_configuration) {
  const auto a = run("migrate --print");
  EXPECT_EQ(a.code, 0);
  EXPECT_THAT(a.out, HasSubstr("CREATE TABLE IF NOT EXISTS baton_tick"));
}

TEST_F(main_program, never_starts_with_a_wrong_configuration) {
  const auto file = written("version: 1\ncluster: c\nstore: {url: mysql://u@h/d}\nnonsense: 1\njobs: {}\n");
  for (const auto* verb : {"run", "check", "migrate"}) {
    const auto a = run(std::string{verb} + " -c " + file);
    EXPECT_EQ(a.code, 78) << verb;
    EXPECT_THAT(a.err, HasSubstr("nonsense")) << verb;
    EXPECT_THAT(a.err, HasSubstr(":4:1")) << verb;
  }
  EXPECT_EQ(run("run -c " + folder_ + "/none.yaml").code, 78);
}

TEST_F(main_program, tells_an_unreachable_store_from_a_wrong_file) {
  const auto file = written("version: 1\ncluster: c\nstore: {url: \"mysql://u@localhost/d?socket=" + folder_ +
                            "/no.sock\"}\njobs:\n  j: {plugin: noop, schedule: {every: 1s}}\n");
  EXPECT_EQ(run("check -c " + file).code, 0);
  const auto a = run("check --connect -c " + file);
  EXPECT_EQ(a.code, 69);
  EXPECT_THAT(a.err, HasSubstr("no.sock"));
}

}  // namespace
}  // namespace baton::program
