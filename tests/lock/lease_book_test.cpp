#include "baton/lock/lease_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baton::lock {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class lease_book_test : public ::testing::Test {
 protected:
  static constexpr boot_time start{1000s};
  static probe_reply good() { return {{}, true, true, server()}; }
  static server_identity server() { return {"uuid", 7}; }
  lease_book book_{{500ms, 500ms, 3s, 1500ms, 500ms}, server(), start};
};

TEST_F(lease_book_test, is_certain_until_w_less_m_after_the_last_proof) {
  book_.granted("a");
  EXPECT_EQ(book_.deadline(), start + 1500ms);
  EXPECT_EQ(book_.probe_at(), start + 500ms);
  EXPECT_THAT(book_.probed(start + 600ms, good()), IsEmpty());
  EXPECT_EQ(book_.deadline(), start + 2100ms) << "from when the probe was sent, not from when it was answered";
  EXPECT_EQ(book_.probe_at(), start + 1100ms);
  EXPECT_THAT(book_.expire(start + 2100ms - 1us), IsEmpty());
  EXPECT_THAT(book_.expire(start + 2100ms), ElementsAre(lost_lease{"a", loss::deadline}));
  EXPECT_THAT(book_.expire(start + 3s), IsEmpty()) << "told once";
}

TEST_F(lease_book_test, loses_exactly_the_names_that_a_probe_misses) {
  for (const auto* name : {"a", "b", "c"}) book_.granted(name);
  auto reply = good();
  reply.lost = {"b", "never held"};
  EXPECT_THAT(book_.probed(start + 500ms, reply), ElementsAre(lost_lease{"b", loss::released_elsewhere}));
  EXPECT_THAT(book_.probed(start + 1s, reply), IsEmpty());
  EXPECT_TRUE(book_.holds("a"));
  EXPECT_FALSE(book_.holds("b"));
  EXPECT_FALSE(book_.is_condemned());
}

TEST_F(lease_book_test, loses_everything_on_another_a_read_only_or_an_isolated_server) {
  const auto lost_by = [](const probe_reply& reply) {
    lease_book book{{}, server(), start};
    book.granted("a");
    book.granted("b");
    return book.probed(start + 1s, reply);
  };
  auto read_only = good();
  read_only.writable = false;
  auto isolated = good();
  isolated.quorum = false;
  auto other = good();
  other.identity.started = 8;
  EXPECT_THAT(lost_by(read_only), ElementsAre(lost_lease{"a", loss::not_primary}, lost_lease{"b", loss::not_primary}));
  EXPECT_THAT(lost_by(isolated), ElementsAre(lost_lease{"a", loss::no_quorum}, lost_lease{"b", loss::no_quorum}));
  EXPECT_THAT(lost_by(other), ElementsAre(lost_lease{"a", loss::server_changed}, lost_lease{"b", loss::server_changed}));
}

TEST_F(lease_book_test, is_not_revived_by_a_probe_that_comes_after_the_loss) {
  book_.granted("a");
  EXPECT_THAT(book_.condemn(loss::connection), ElementsAre(lost_lease{"a", loss::connection}));
  EXPECT_THAT(book_.probed(start + 1s, good()), IsEmpty());
  EXPECT_EQ(book_.deadline(), start + 1500ms);
  EXPECT_TRUE(book_.is_condemned());
}

TEST_F(lease_book_test, does_not_tell_of_names_that_were_given_back) {
  book_.granted("a");
  book_.given_back("a");
  EXPECT_THAT(book_.condemn(loss::connection), IsEmpty());
}

}  // namespace
}  // namespace baton::lock
