// The shipped dashboard and rules in front of a real fleet, and what 10,000 jobs cost whoever scrapes them.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <thread>

#include "live_prometheus.hpp"

namespace baton::system_test {
namespace {

using ::testing::IsEmpty;
using names = std::set<std::string>;

/// Every expression of the dashboard, and its variables as Grafana would put them in.
void collect_expressions(const boost::json::value& of, std::vector<std::string>& all) {
  if (of.is_array()) {
    for (const auto& one : of.as_array()) collect_expressions(one, all);
  } else if (of.is_object()) {
    for (const auto& [key, value] : of.as_object()) {
      if (key == "expr") {
        all.emplace_back(value.as_string());
      } else {
        collect_expressions(value, all);
      }
    }
  }
}

std::vector<std::string> dashboard_expressions() {
  std::vector<std::string> all;
  collect_expressions(boost::json::parse(shipped("deploy/grafana/baton.json")), all);
  for (auto& e : all) {
    for (const auto& [variable, value] : std::map<std::string, std::string>{{"\\$job_name\\b", "work|steady"},
                                                                            {"\\$job\\b", "baton"},
                                                                            {"\\$instance\\b", ".*"},
                                                                            {"\\$__rate_interval", "10s"},
                                                                            {"\\$__range", "1m"}})
      e = std::regex_replace(e, std::regex{variable}, value);
  }
  return all;
}

/// The family of a series: a histogram's without _bucket, _sum and _count.
std::string family_of(const std::string& series, const scrape& s) {
  static const std::regex part{"_(bucket|sum|count)$"};
  auto base = std::regex_replace(series, part, "");
  const auto found = s.families().find(base);
  return found != s.families().end() && found->second == "histogram" ? base : series;
}

/// Metrics that a text of PromQL or YAML names; those of recording rules have colons.
names named_in(const std::string& text) {
  names all;
  static const std::regex word{"[a-zA-Z_:][a-zA-Z0-9_:]*"};
  for (std::sregex_iterator it{text.begin(), text.end(), word}, end; it != end; ++it) {
    const auto name = it->str();
    if ((name.starts_with("baton_") || name.starts_with("process_")) && name.find(':') == std::string::npos) all.insert(name);
  }
  return all;
}

/// Label names of each family in the tables of the reference.
std::map<std::string, names> documented() {
  std::map<std::string, names> all;
  const auto text = shipped("docs/reference/metrics.md");
  static const std::regex row{R"(\| `([a-z_]+)` \| [a-z]+ \|([^|]*)\|[^\n]*)"};
  for (std::sregex_iterator it{text.begin(), text.end(), row}, end; it != end; ++it) {
    auto& labels = all[(*it)[1]];
    std::stringstream parts{(*it)[2].str()};
    for (std::string part; std::getline(parts, part, ';');) {
      // "job_name, outcome: a, b": what follows the colon are values.
      std::stringstream before{part.substr(0, part.find(':'))};
      for (std::string name; std::getline(before, name, ',');) {
        name.erase(0, name.find_first_not_of(' '));
        if (!name.empty()) labels.insert(name.substr(0, name.find(' ')));
      }
    }
  }
  return all;
}

/// The same of a live scrape.
std::map<std::string, names> exposed(const scrape& s) {
  std::map<std::string, names> all;
  for (const auto& sample : s.samples()) {
    auto& labels = all[family_of(sample.name, s)];
    for (const auto& [label, value] : sample.labels) {
      if (label != "le") labels.insert(label);
    }
  }
  return all;
}

/// Series of a job that never ran whose value in a scrape is not 0.
names not_zero(const scrape& s, const std::string& job) {
  static const names not_counted{"baton_job_info", "baton_job_schedule_max_gap_seconds", "baton_job_next_tick_timestamp_seconds"};
  names all;
  for (const auto& sample : s.samples()) {
    const auto label = sample.labels.find("job_name");
    if (label != sample.labels.end() && label->second == job && sample.value != 0 && !not_counted.contains(sample.name))
      all.insert(sample.name);
  }
  return all;
}

class monitoring : public on_a_server {
 protected:
  /// c's clock is ahead of the store's.
  static void add_three(fleet& f) {
    f.job("work", "{every: 1s}", "--for 300");  // whoever comes later finds its lock taken
    f.job("steady", "{every: 2s}", "--for 600");
    f.job("later", never_due, "--for 20");
    f.add("a");
    f.add("b");
    f.add("c", {"+3s", {}, ""});
  }
  static std::vector<std::uint16_t> ports(fleet& f) {
    std::vector<std::uint16_t> all;
    for (auto& i : f) all.push_back(i->http_port());
    return all;
  }
};

TEST_P(monitoring, the_first_scrape_has_what_the_reference_documents_and_nothing_else_and_passes_promtool) {
  fleet f{fleet_options()};
  add_three(f);
  ASSERT_TRUE(eventually([&] { return f[0].http_port() != 0; }, seconds{20})) << f.logs();
  const auto text = f[0].get("/metrics").body;
  const auto first = scrape::parse(text);
  EXPECT_THAT(not_zero(first, "later"), IsEmpty());
  const auto reference = documented();
  const auto found = exposed(first);
  for (const auto& [family, labels] : reference) {
    const auto it = found.find(family);
    EXPECT_TRUE(it != found.end()) << family << " is documented and not exposed";
    if (it != found.end()) {
      EXPECT_EQ(it->second, labels) << family;
    }
  }
  for (const auto& [family, labels] : found) EXPECT_TRUE(reference.contains(family)) << family << " is exposed and not documented";
  for (const auto* file : {"deploy/prometheus/rules.yml", "deploy/grafana/baton.json"}) {
    for (const auto& name : named_in(shipped(file))) EXPECT_TRUE(found.contains(family_of(name, first))) << file << " names " << name;
  }
  const auto path = f.directory() / "scrape";
  std::ofstream{path} << text;
  EXPECT_NO_THROW(output_of("$(" BATON_PROMTOOL_SCRIPT ") check metrics < " + path.string() + " 2>&1"));
  ASSERT_TRUE(f.await_ready()) << f.logs();
}

TEST_P(monitoring, a_real_prometheus_evaluates_the_dashboard_and_its_alerts_follow_what_happens_to_the_fleet) {
  fleet f{fleet_options()};
  add_three(f);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  live_prometheus prometheus{f.directory(), ports(f)};
  ASSERT_TRUE(prometheus.await_scraped(3, seconds{20})) << prometheus.log();

  // A healthy fleet, but for the clock of one.
  EXPECT_TRUE(eventually([&] { return prometheus.fires("BatonClockOffset"); }, seconds{10})) << prometheus.alerts();
  const auto offset = prometheus.query("baton_clock_offset_seconds < -2.5").series;
  EXPECT_EQ(offset.size(), 1U) << "the time of the store minus that of a host which is ahead";
  const auto expressions = dashboard_expressions();
  EXPECT_GT(expressions.size(), 40U);
  names without_data;
  const auto all_have_data = [&] {
    without_data.clear();
    for (const auto& e : expressions) {
      const auto said = prometheus.query(e);
      if (!said.ok || said.series.empty()) without_data.insert(e + ": " + said.error);
    }
    return without_data.empty();
  };
  EXPECT_TRUE(eventually(all_have_data, seconds{15}, seconds{1}));
  EXPECT_THAT(without_data, IsEmpty());
  EXPECT_THAT(prometheus.broken_rules(), IsEmpty());
  const auto is_contended = [&] { return !prometheus.query("job_name:baton_lock_contention:ratio_rate5m > 0.3").series.empty(); };
  EXPECT_TRUE(eventually(is_contended, seconds{15})) << "three instances want each tick";
  EXPECT_EQ(prometheus.query("ALERTS{alertname!=\"BatonClockOffset\", alertstate=\"firing\"}").series.size(), 0U) << prometheus.alerts();

  // A file that is refused, and one that is taken.
  std::ofstream{f.file_of("b"), std::ios::app} << "  broken: {plugin: exec, schedule: \"not a schedule\"}\n";
  f[1].signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return prometheus.fires("BatonReloadFailed"); }, seconds{15})) << prometheus.alerts();
  f.write_file("b");
  f[1].signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return !prometheus.fires("BatonReloadFailed"); }, seconds{15})) << prometheus.alerts();
  EXPECT_FALSE(prometheus.fires("BatonNoInstance"));

  for (auto& i : f) i->signal(SIGKILL);
  EXPECT_TRUE(eventually([&] { return prometheus.fires("BatonNoInstance"); }, seconds{15})) << prometheus.alerts();
}

INSTANTIATE_TEST_SUITE_P(, monitoring, ::testing::Values(server_kind::mariadb), kind_name);

}  // namespace
}  // namespace baton::system_test
