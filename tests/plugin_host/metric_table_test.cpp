#include "metric_table.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <limits>

namespace {

using namespace baton::plugin_host;
using testing::HasSubstr;

baton_string text(const char* literal) { return {literal, std::strlen(literal)}; }

baton_metric row(const char* name, std::uint32_t kind) {
  baton_metric m{};
  m.name = text(name);
  m.help = text("Rows copied.");
  m.kind = kind;
  return m;
}

std::variant<std::vector<metric>, std::string> read(const std::vector<baton_metric>& rows) {
  baton_plugin_descriptor d{};
  d.metrics = rows.data();
  d.metric_count = static_cast<std::uint32_t>(rows.size());
  d.metric_size = sizeof(baton_metric);
  return read_metrics(d);
}

std::string refusal(const std::vector<baton_metric>& rows) {
  const auto found = read(rows);
  const auto* why = std::get_if<std::string>(&found);
  return why == nullptr ? "was not refused" : *why;
}

std::string refusal_of_name(const char* name, std::uint32_t kind = BATON_METRIC_GAUGE) { return refusal({row(name, kind)}); }

TEST(metric_table, reads_what_a_plugin_may_have) {
  const baton_field full{text("kind"), text("full")};
  const baton_field gone{text("kind"), text("gone \xE2\x82\xAC")};
  const double bounds[] = {-1, 0.5, 10};
  std::vector<baton_metric> rows{row("errors_total", BATON_METRIC_COUNTER), row("errors_total", BATON_METRIC_COUNTER),
                                 row("backlog_rows", BATON_METRIC_GAUGE), row("batch_seconds", BATON_METRIC_HISTOGRAM),
                                 row("batch_bytes", BATON_METRIC_HISTOGRAM)};
  rows[0].labels = &full;
  rows[1].labels = &gone;
  rows[0].label_count = rows[1].label_count = 1;
  rows[4].buckets = bounds;
  rows[4].bucket_count = 3;
  const auto found = read(rows);
  ASSERT_TRUE(std::holds_alternative<std::vector<metric>>(found)) << std::get<std::string>(found);
  const auto& all = std::get<std::vector<metric>>(found);
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[1].labels, (text_map{{"kind", "gone \xE2\x82\xAC"}}));
  EXPECT_EQ(all[2].kind, metric_kind::gauge);
  EXPECT_EQ(all[3].buckets.front(), 0.001);
  EXPECT_EQ(all[3].buckets.back(), 3600);
  EXPECT_EQ(all[4].buckets, (std::vector<double>{-1, 0.5, 10}));
}

TEST(metric_table, reads_rows_that_are_longer_than_this_host_knows) {
  struct longer {
    baton_metric known;
    std::uint64_t appended;
  };
  const longer rows[] = {{row("a", BATON_METRIC_GAUGE), 1}, {row("b", BATON_METRIC_GAUGE), 2}};
  baton_plugin_descriptor d{};
  d.metrics = &rows[0].known;
  d.metric_count = 2;
  d.metric_size = sizeof(longer);
  const auto found = read_metrics(d);
  EXPECT_EQ(std::get<std::vector<metric>>(found).at(1).name, "b");
}

TEST(metric_table, refuses_a_table_that_is_cut_short_or_too_long) {
  baton_plugin_descriptor d{};
  const auto one = row("a", BATON_METRIC_GAUGE);
  d.metrics = &one;
  d.metric_count = 1;
  d.metric_size = sizeof one - 8;
  EXPECT_THAT(std::get<std::string>(read_metrics(d)), HasSubstr("truncated"));
  d.metrics = nullptr;
  d.metric_size = sizeof one;
  EXPECT_THAT(std::get<std::string>(read_metrics(d)), HasSubstr("truncated"));
  EXPECT_THAT(refusal(std::vector<baton_metric>(65, one)), HasSubstr("more than 64"));
}

TEST(metric_table, refuses_names_that_prometheus_or_people_would_misread) {
  for (const auto* name : {"", "Rows", "rows-left", "1st", "_rows", "r\xC3\xB6ws", "rows left"})
    EXPECT_THAT(refusal_of_name(name), HasSubstr("a-z"));
  EXPECT_THAT(refusal_of_name("rows", BATON_METRIC_COUNTER), HasSubstr("end in _total"));
  EXPECT_THAT(refusal_of_name("rows_total"), HasSubstr("end in _total"));
  for (const auto* name : {"a_bucket", "a_sum", "a_count"}) EXPECT_THAT(refusal_of_name(name), HasSubstr("histograms"));
  EXPECT_THAT(refusal_of_name(std::string(65, 'a').c_str()), HasSubstr("longer than 64 bytes"));
}

TEST(metric_table, refuses_kinds_and_helps_that_are_none) {
  EXPECT_THAT(refusal_of_name("a", 0), HasSubstr("unknown kind 0"));
  EXPECT_THAT(refusal_of_name("a", 4), HasSubstr("unknown kind 4"));
  auto m = row("a", BATON_METRIC_GAUGE);
  for (const auto& [help, why] : {std::pair{"", "no help"}, {"\xFF", "not UTF-8"}, {"two\nlines", "not one line"}}) {
    m.help = text(help);
    EXPECT_THAT(refusal({m}), HasSubstr(why));
  }
}

TEST(metric_table, refuses_labels_that_are_reserved_twice_or_none) {
  auto m = row("a", BATON_METRIC_GAUGE);
  m.label_count = 1;
  EXPECT_THAT(refusal({m}), HasSubstr("point to nothing"));
  for (const auto* reserved : {"job", "instance", "job_name", "le", "quantile"}) {
    const baton_field label{text(reserved), text("x")};
    m.labels = &label;
    EXPECT_THAT(refusal({m}), HasSubstr("reserved label '" + std::string{reserved}));
  }
  for (const auto* wrong : {"__name__", "", "Kind", "a-b"}) {
    const baton_field label{text(wrong), text("x")};
    m.labels = &label;
    EXPECT_THAT(refusal({m}), HasSubstr("a-z"));
  }
  const baton_field bad_value{text("kind"), text("\xC0\x80")};
  m.labels = &bad_value;
  EXPECT_THAT(refusal({m}), HasSubstr("not UTF-8"));
  const std::vector<baton_field> twice(2, {text("kind"), text("x")});
  m.labels = twice.data();
  m.label_count = 2;
  EXPECT_THAT(refusal({m}), HasSubstr("'kind' twice"));
  m.label_count = 9;
  EXPECT_THAT(refusal({m}), HasSubstr("more than 8 labels"));
}

TEST(metric_table, refuses_buckets_that_do_not_rise) {
  auto m = row("a", BATON_METRIC_HISTOGRAM);
  const auto with = [&](const std::vector<double>& bounds) {
    m.buckets = bounds.data();
    m.bucket_count = bounds.size();
    return refusal({m});
  };
  for (const auto& bounds : {std::vector{1.0, 1.0},
                             {2.0, 1.0},
                             {1.0, std::numeric_limits<double>::infinity()},
                             {std::numeric_limits<double>::quiet_NaN()},
                             {1.0, std::numeric_limits<double>::quiet_NaN(), 2.0}})
    EXPECT_THAT(with(bounds), HasSubstr("do not rise"));
  EXPECT_THAT(with(std::vector(65, 1.0)), HasSubstr("more than 64 buckets"));
  m.kind = BATON_METRIC_GAUGE;
  EXPECT_THAT(with({1.0}), HasSubstr("only a histogram"));
  m.kind = BATON_METRIC_HISTOGRAM;
  m.buckets = nullptr;
  EXPECT_THAT(refusal({m}), HasSubstr("point to nothing"));
}

TEST(metric_table, refuses_families_that_contradict_themselves) {
  const baton_field a{text("kind"), text("a")};
  const baton_field b{text("kind"), text("b")};
  auto first = row("x", BATON_METRIC_GAUGE);
  first.labels = &a;
  first.label_count = 1;
  auto second = first;
  EXPECT_THAT(refusal({first, second}), HasSubstr("twice"));
  second.labels = &b;
  EXPECT_EQ(refusal({first, second}), "was not refused");
  second.help = text("Something else.");
  EXPECT_THAT(refusal({first, second}), HasSubstr("differ"));
  second = row("x", BATON_METRIC_GAUGE);
  EXPECT_THAT(refusal({first, second}), HasSubstr("differ"));
  second = first;
  second.labels = &b;
  second.kind = BATON_METRIC_HISTOGRAM;
  EXPECT_THAT(refusal({first, second}), HasSubstr("differ"));
}

}  // namespace
