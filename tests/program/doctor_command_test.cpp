#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "baton/testing/fake_server.hpp"

namespace baton::program {
namespace {

using baton::testing::fake_server;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

class doctor_command : public ::testing::Test {
 protected:
  doctor_command() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~doctor_command() override { std::filesystem::remove_all(folder_); }

  struct answer {
    int code = -1;
    std::string out;
  };
  answer run(std::uint16_t port, const std::string& arguments = "") {
    const auto file = folder_ + "/baton.yaml";
    std::ofstream{file} << "version: 1\ncluster: c\nstore: {url: \"mysql://baton@127.0.0.1:" << port
                        << "/d\"}\njobs:\n  j: {plugin: noop, schedule: {every: 1s}}\n";
    FILE* pipe = ::popen((std::string{BATON_PROGRAM} + " doctor -c " + file + " " + arguments + " 2>&1").c_str(), "r");
    answer a;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) a.out.append(buffer.data(), n);
    const int status = ::pclose(pipe);
    a.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return a;
  }

  std::string folder_ = std::filesystem::temp_directory_path() / "baton-doctor-XXXXXX";
};

TEST_F(doctor_command, says_in_a_sentence_each_what_it_found) {
  const fake_server fit;
  const auto a = run(fit.port());
  EXPECT_EQ(a.code, 0);
  EXPECT_THAT(a.out, StartsWith("127.0.0.1:" + std::to_string(fit.port()) + "\n  ok      connection    "));
  EXPECT_THAT(a.out, AllOf(HasSubstr("  ok      version       MySQL 8.4.3\n"), HasSubstr("The store can be used.\n")));
}

TEST_F(doctor_command, ends_with_1_for_an_unfit_store_and_says_what_cures_it) {
  const fake_server galera{[](std::string_view statement, std::uint64_t) -> std::optional<fake_server::answer> {
    if (statement.find("SHOW GLOBAL VARIABLES") == std::string_view::npos) return std::nullopt;
    return fake_server::table{{"wsrep_on", "ON"}};
  }};
  const auto a = run(galera.port());
  EXPECT_EQ(a.code, 1);
  EXPECT_THAT(a.out,
              AllOf(HasSubstr("UNFIT   one writer    "), HasSubstr("use a single-primary server"), HasSubstr("cannot be used as it is")));
}

TEST_F(doctor_command, prints_json_and_yaml) {
  const fake_server fit;
  const auto json = run(fit.port(), "-o json").out;
  EXPECT_THAT(json, StartsWith(R"([{"endpoint":"127.0.0.1:)"));
  EXPECT_THAT(json, HasSubstr(R"("subject":"version","verdict":"fit","sentence":"MySQL 8.4.3"})"));
  EXPECT_THAT(run(fit.port(), "-o yaml").out,
              HasSubstr("- endpoint: \"127.0.0.1:" + std::to_string(fit.port()) + "\"\n  subject: \"connection\"\n"));
}

TEST_F(doctor_command, ends_with_69_where_nobody_answers) {
  const auto a = run(1);
  EXPECT_EQ(a.code, 69);
  EXPECT_THAT(a.out, HasSubstr("UNFIT   connection    127.0.0.1:1: "));
}

}  // namespace
}  // namespace baton::program
