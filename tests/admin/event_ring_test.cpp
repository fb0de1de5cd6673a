#include "event_ring.hpp"

#include <gtest/gtest.h>

namespace baton::admin {
namespace {

TEST(event_ring, writes_events_as_a_stream_has_them) {
  event_ring ring{"b", 3};
  ring.push("run", "{}");
  ASSERT_NE(ring.at(1), nullptr);
  EXPECT_EQ(*ring.at(1), "id: b-1\nevent: run\ndata: {}\n\n");
  EXPECT_EQ(ring.frame("odd", "one\ntwo", 7), "id: b-7\nevent: odd\ndata: one\ndata: two\n\n") << "a line end ends no event";
}

TEST(event_ring, goes_on_where_somebody_left_off) {
  event_ring ring{"b", 3};
  EXPECT_EQ(ring.after("b-0"), 1U) << "nothing has been said yet";
  for (const auto* data : {"1", "2", "3", "4", "5"}) ring.push("n", data);
  EXPECT_EQ(ring.next(), 6U);
  EXPECT_EQ(ring.after("b-5"), 6U);
  EXPECT_EQ(ring.after("b-2"), 3U) << "the third is the oldest there is";
  EXPECT_EQ(*ring.at(3), "id: b-3\nevent: n\ndata: 3\n\n");
  EXPECT_EQ(ring.at(2), nullptr);
  EXPECT_EQ(ring.at(6), nullptr);
}

TEST(event_ring, does_not_know_where_strangers_left_off) {
  event_ring ring{"b", 3};
  for (int i = 0; i < 5; ++i) ring.push("n", "");
  for (const auto* id : {"b-1", "b-6", "c-5", "b", "b-", "b-x", "b-5x", "b--5", "b_5", "bb-5", "", "b-99999999999999999999"})
    EXPECT_FALSE(ring.after(id)) << id;
}

}  // namespace
}  // namespace baton::admin
