#include "frame.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace {

using namespace baton::plugin_host;
using namespace std::chrono_literals;

auto bytes_of(const std::string& text) { return std::as_bytes(std::span{text}); }

request_frame full_request() {
  request_frame f;
  auto& r = f.request;
  r.id = run_id{7};
  r.isolation = isolation::process;
  r.plugin_path = "/p/x.so";
  r.parameters = {{"a", std::string{"t"}},   {"b", std::int64_t{-5}},    {"c", 2.5}, {"d", true}, {"e", baton::microseconds{9s}},
                  {"f", text_list{"x", ""}}, {"g", text_map{{"k", "v"}}}};
  r.job = "job";
  r.timeout = 3s;
  r.limits.open_files = 64;
  r.store = store_access{"mysql://u@h/d", "secret", "required", "/ca.pem", "baton:test:job"};
  f.deadline = baton::wall_time{5s};
  return f;
}

std::vector<frame> one_of_each() {
  return {full_request(),
          extend_frame{baton::boot_time{4s}},
          stop_frame{{1s, 2s}},
          stop_token_frame{},
          spawned_frame{4711},
          started_frame{},
          run_log{2, "m", {{"k", "v"}}},
          run_progress{0.5, "p"},
          run_metrics{{{metric_kind::histogram, "n", {{"k", "v"}}, 2.5, {1, 0, 7}}, {metric_kind::counter, "m", {}, 1, {}}}},
          ended_frame{run_end::failure, "t", "o"}};
}

TEST(frame, comes_back_as_it_was) {
  for (const auto& f : one_of_each()) {
    const auto bytes = encode_frame(f);
    const auto decoded = decode_frame(bytes_of(bytes));
    ASSERT_TRUE(decoded && *decoded);
    EXPECT_EQ((*decoded)->size, bytes.size());
    EXPECT_EQ((*decoded)->content.index(), f.index());
    EXPECT_EQ(encode_frame((*decoded)->content), bytes);
  }
  const auto bytes = encode_frame(full_request());
  const auto decoded = decode_frame(bytes_of(bytes));
  EXPECT_EQ(std::get<request_frame>((*decoded)->content).request.parameters, full_request().request.parameters);
}

TEST(frame, waits_for_the_rest_of_a_frame) {
  for (const auto& f : one_of_each()) {
    const auto bytes = encode_frame(f);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto decoded = decode_frame(bytes_of(bytes).first(size));
      ASSERT_TRUE(decoded);
      EXPECT_FALSE(decoded->has_value());
    }
  }
}

TEST(frame, refuses_sizes_and_kinds_that_cannot_be) {
  EXPECT_FALSE(decode_frame(bytes_of(std::string(4, '\0'))));
  EXPECT_FALSE(decode_frame(bytes_of(std::string(8, '\xff'))));
  EXPECT_FALSE(decode_frame(bytes_of(std::string("\1\0\0\0\0", 5))));
  EXPECT_FALSE(decode_frame(bytes_of(std::string("\1\0\0\0\x63", 5))));
}

TEST(frame, refuses_bytes_left_over_and_fields_cut_short) {
  for (const auto& f : one_of_each()) {
    auto longer = encode_frame(f) + "x";
    std::uint32_t size = static_cast<std::uint32_t>(longer.size() - 4);
    std::memcpy(longer.data(), &size, 4);
    EXPECT_FALSE(decode_frame(bytes_of(longer)));
    if (longer.size() < 7) continue;
    auto shorter = longer.substr(0, longer.size() - 2);
    size = static_cast<std::uint32_t>(shorter.size() - 4);
    std::memcpy(shorter.data(), &size, 4);
    EXPECT_FALSE(decode_frame(bytes_of(shorter)));
  }
}

TEST(frame, survives_any_bytes) {
  std::mt19937 random{1};  // NOLINT: the same bytes each time
  const auto frames = one_of_each();
  for (int i = 0; i < 200'000; ++i) {
    auto bytes = encode_frame(frames[random() % frames.size()]);
    for (auto changes = random() % 4; changes > 0; --changes) bytes[4 + random() % (bytes.size() - 4)] = static_cast<char>(random());
    const auto decoded = decode_frame(bytes_of(bytes));
    if (decoded && *decoded) {
      EXPECT_LE((*decoded)->size, bytes.size());
    }
  }
}

}  // namespace
