#include <csignal>
#include <limits>

#include "baton/sdk/plugin.hpp"

namespace {

using baton::sdk::counter;
using baton::sdk::gauge;
using baton::sdk::histogram;

/// Counts, and then ends as it is told.
struct counts : baton::sdk::handler {
  static constexpr baton::sdk::params parameters{
      baton::sdk::param<int>("rows", 1, "how often to count"),
      baton::sdk::param<std::string>("then", "return", "return, crash or wait"),
  };
  static constexpr baton::sdk::metric_table metrics{
      counter("rows_total", "Rows copied."),
      counter("errors_total", "Rows not copied.").label("kind", "full"),
      counter("errors_total", "Rows not copied.").label("kind", "gone"),
      gauge("backlog_rows", "Rows left."),
      histogram("batch_seconds", "How long a batch took.").buckets(0.1, 1.0, 10.0),
  };

  baton::sdk::outcome run(baton::sdk::run_context& run) override {
    const auto rows = run.integer("rows");
    for (std::int64_t i = 0; i < rows; ++i) run.count("rows_total");
    run.count("rows_total", -5);
    run.count("rows_total", std::numeric_limits<double>::quiet_NaN());
    run.count("errors_total", 2, {{"kind", "gone"}});
    run.set("backlog_rows", 100);
    run.set("backlog_rows", -1.5);
    for (const double value : {0.05, 0.1, 0.2, 99.0}) run.observe("batch_seconds", value);
    run.host().update_metric(run.host().context, 0, 1);
    run.host().update_metric(run.host().context, 6, 1);
    if (run.text("then") == "crash") std::raise(SIGKILL);
    while (run.text("then") == "wait" && !run.stop_requested()) continue;
    return baton::sdk::outcome::success();
  }
};

}  // namespace

BATON_PLUGIN(counts, "counts", "1")
