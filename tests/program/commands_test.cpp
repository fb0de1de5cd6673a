#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>

#include "started_program.hpp"

namespace baton::program {
namespace {

namespace fs = std::filesystem;

class check_verb : public started_program {};

std::string with_plugins_replaced(std::string text) {
  for (const std::string lead : {"looked for ", "in: "}) {
    for (auto at = text.find(lead + "/"); at != std::string::npos; at = text.find(lead + "/", at + 1))
      text.replace(at + lead.size(), text.find('\n', at) - at - lead.size(), "PLUGINS");
  }
  return text;
}

// Files that people really write, and all that they are told: place, cause and cure.
TEST_F(check_verb, tells_place_cause_and_cure_of_what_people_really_write) {
  for (const auto* name : {"BATON_DB_HOST", "BATON_DB_PASSWORD", "BATON_TIMEOUT"}) ::unsetenv(name);
  const auto from = fs::path{BATON_SOURCE_DIR} / "tests/settings/broken";
  fs::copy(from, folder_ + "/broken", fs::copy_options::recursive);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{from}) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  EXPECT_GE(names.size(), 20U);
  std::string transcript;
  for (const auto& name : names) {
    const auto a = shell("cd " + folder_ + "/broken && " + BATON_PROGRAM + " check -c " + name);
    EXPECT_EQ(a.code, 78) << name;
    EXPECT_THAT(a.out, testing::IsEmpty()) << name;
    transcript += "$ baton check -c " + name + "\n" + with_plugins_replaced(a.err) + "\n";
  }
  EXPECT_THAT(transcript, testing::Not(testing::HasSubstr("hunter2")));
  EXPECT_THAT(transcript, testing::Not(testing::HasSubstr("s3cr3t")));
  const auto golden = from / "transcript.txt";
  if (std::getenv("BATON_UPDATE_GOLDEN") != nullptr) std::ofstream{golden} << transcript;
  EXPECT_EQ(transcript, read(golden.string()));
}

TEST_F(check_verb, gives_records_to_editors) {
  const auto file = written("version: 1\ncluster: a\njobs:\n  j: {plugin: noop, shedule: \"@daily\"}\n");
  const auto a = run("check -o json -c " + file);
  EXPECT_EQ(a.code, 78);
  EXPECT_EQ(
      a.out,
      "[{\"file\":\"" + file +
          "\",\"line\":4,\"column\":21,\"severity\":\"error\",\"path\":\"jobs.j\",\"message\":\"unknown key 'shedule'\",\"hint\":\"did "
          "you mean 'schedule'?\"}]\n");
  EXPECT_THAT(a.err, testing::IsEmpty());
  const auto good = run("check -o json -c " + written("version: 1\ncluster: a\njobs:\n  j: {plugin: noop, schedule: \"@daily\"}\n"));
  EXPECT_EQ(good.code, 0);
  EXPECT_EQ(good.out, "[]\n");
}

}  // namespace
}  // namespace baton::program
