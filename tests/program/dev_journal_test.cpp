#include "dev_journal.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

namespace baton::program {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

journal_entry some_entry() {
  journal_entry e;
  e.what = sign::alive;
  e.at = {*from_rfc3339("2026-11-22T12:00:00.123456Z"), boot_time{microseconds{42}}};
  e.pid = 7;
  e.job = "backup";
  e.tick = *from_rfc3339("2026-11-22T12:00:00Z");
  e.attempt = 2;
  e.fence = 9;
  e.instance = "demo-1";
  e.run_id = "backup@1#2";
  return e;
}

/// A file of this test's own.
class dev_journal : public testing::Test {
 protected:
  dev_journal() { ::close(::mkstemp(name_.data())); }
  ~dev_journal() override { ::unlink(name_.c_str()); }
  void append(const std::string& text) const { std::ofstream{name_, std::ios::app} << text; }

  std::string name_ = std::filesystem::temp_directory_path() / "baton-journal-XXXXXX";
};

TEST_F(dev_journal, reads_back_what_was_written) {
  auto line = to_line(some_entry());
  ASSERT_EQ(line.back(), '\n');
  line.pop_back();
  EXPECT_EQ(parse_entry(line), some_entry());
}

TEST_F(dev_journal, refuses_what_is_not_a_whole_entry) {
  auto line = to_line(some_entry());
  line.pop_back();
  EXPECT_EQ(parse_entry(""), std::nullopt);
  EXPECT_EQ(parse_entry(line + " more"), std::nullopt);
  EXPECT_EQ(parse_entry(line.substr(0, line.rfind(' '))), std::nullopt);
  EXPECT_EQ(parse_entry("paused" + line.substr(line.find(' '))), std::nullopt);
}

TEST_F(dev_journal, waits_for_the_end_of_a_line) {
  journal_reader reader{name_};
  const auto line = to_line(some_entry());
  append(line + line.substr(0, 20));
  EXPECT_THAT(reader.read_new(), ElementsAre(some_entry()));
  EXPECT_THAT(reader.read_new(), IsEmpty());
  append(line.substr(20));
  EXPECT_THAT(reader.read_new(), ElementsAre(some_entry()));
}

TEST_F(dev_journal, counts_what_it_cannot_read) {
  journal_reader reader{name_};
  append("nonsense\n" + to_line(some_entry()));
  EXPECT_THAT(reader.read_new(), ElementsAre(some_entry()));
  EXPECT_EQ(reader.unreadable(), 1U);
}

}  // namespace
}  // namespace baton::program
