#include "baton/sdk/plugin.hpp"

#include <gmock/gmock.h>
#include <poll.h>

#include <stdexcept>
#include <thread>

#include "baton/sdk/testing.hpp"

namespace {

using namespace baton::sdk;
using namespace std::chrono_literals;
using baton::sdk::testing::fake_host;
using ::testing::HasSubstr;

struct greeter : handler {
  static constexpr params parameters{
      param<std::string>("greeting", "hello", "what to say").one_of("hello", "servus"),
      param<int>("times", 1, "how often").range(1, 10),
      param<double>("ratio", 0.25, "how much"),
      param<bool>("loud", false, "shout"),
      param<std::chrono::milliseconds>("delay", 2s, "how long").range(1s, 60s),
      required<text_list>("names", "whom"),
      required<std::string>("key", "for the door").secret(),
  };
  outcome run(run_context& run) override {
    run.log().info("greeted", {{"text", run.text("greeting")},
                               {"times", run.integer("times")},
                               {"ratio", run.number("ratio")},
                               {"loud", run.flag("loud")},
                               {"delay", run.duration("delay")},
                               {"tick", run.tick()}});
    run.progress(0.5);
    return run.has("names") ? outcome::success(run.list("names").front()) : outcome::skipped("nobody to greet");
  }
};

TEST(plugin, gives_a_handler_its_parameters_and_their_defaults) {
  fake_host host;
  host.set("times", 3);
  host.set("names", text_list{"Ada"});
  const auto answer = host.run<greeter>();
  EXPECT_EQ(answer.code, BATON_OUTCOME_SUCCESS);
  EXPECT_EQ(answer.text, "Ada");
  ASSERT_EQ(host.lines().size(), 1U);
  EXPECT_EQ(host.lines()[0].level, BATON_LOG_INFO);
  EXPECT_EQ(host.lines()[0].fields, (std::map<std::string, std::string>{{"text", "hello"},
                                                                        {"times", "3"},
                                                                        {"ratio", "0.25"},
                                                                        {"loud", "false"},
                                                                        {"delay", "2s"},
                                                                        {"tick", "1970-01-01T00:00:00.000000Z"}}));
  EXPECT_EQ(host.progress(), 0.5);
}

TEST(plugin, describes_itself_in_the_abi) {
  const auto* d = detail::describe<greeter>("greeter", "1.2", "build");
  EXPECT_EQ(d, detail::describe<greeter>("greeter", "1.2", "build"));
  EXPECT_EQ(d->magic, BATON_ABI_MAGIC);
  EXPECT_EQ(d->struct_size, sizeof *d);
  ASSERT_EQ(d->parameter_count, 7U);
  EXPECT_EQ(detail::view(d->parameters[0].choices[1]), "servus");
  EXPECT_EQ(detail::view(d->parameters[1].fallback), "1");
  EXPECT_EQ(d->parameters[1].maximum, 10);
  EXPECT_EQ(detail::view(d->parameters[4].fallback), "2000000us");
  EXPECT_EQ(d->parameters[4].minimum, 1);
  EXPECT_EQ(d->parameters[5].flags, static_cast<std::uint32_t>(BATON_PARAMETER_REQUIRED));
  EXPECT_EQ(d->parameters[6].flags, static_cast<std::uint32_t>(BATON_PARAMETER_REQUIRED | BATON_PARAMETER_SECRET));
}

struct copier : handler {
  static constexpr metric_table metrics{
      counter("rows_total", "Rows copied."),
      counter("errors_total", "Rows not copied.").label("kind", "full").label("table", "a"),
      counter("errors_total", "Rows not copied.").label("kind", "gone").label("table", "a"),
      gauge("backlog_rows", "Rows left."),
      histogram("batch_seconds", "How long a batch took.").buckets(0.1, 1, 10),
  };
  outcome run(run_context& run) override {
    run.count("rows_total");
    run.count("rows_total", 41);
    run.count("rows_total", -1);
    run.count("errors_total", 2, {{"table", "a"}, {"kind", "gone"}});
    run.set("backlog_rows", 7);
    run.set("backlog_rows", -3);
    run.observe("batch_seconds", 0.5);
    run.observe("batch_seconds", 2);
    return outcome::success();
  }
};

TEST(plugin, writes_to_the_metrics_of_its_table) {
  fake_host host;
  EXPECT_EQ(host.run<copier>().code, BATON_OUTCOME_SUCCESS);
  EXPECT_EQ(host.metric("rows_total"), 42);
  EXPECT_EQ(host.metric("errors_total", {{"kind", "gone"}, {"table", "a"}}), 2);
  EXPECT_EQ(host.metric("errors_total", {{"kind", "full"}, {"table", "a"}}), 0);
  EXPECT_EQ(host.metric("backlog_rows"), -3);
  EXPECT_EQ(host.metric("batch_seconds"), 2.5);
  EXPECT_EQ(host.updates("batch_seconds"), 2U);
}

TEST(plugin, describes_its_metrics_in_the_abi) {
  const auto* d = detail::describe<copier>("copier", "1", "build");
  ASSERT_EQ(d->metric_count, 5U);
  EXPECT_EQ(d->metric_size, sizeof(baton_metric));
  EXPECT_EQ(detail::view(d->metrics[0].name), "rows_total");
  EXPECT_EQ(d->metrics[0].label_count, 0U);
  ASSERT_EQ(d->metrics[2].label_count, 2U);
  EXPECT_EQ(detail::view(d->metrics[2].labels[0].value), "gone");
  EXPECT_EQ(d->metrics[3].kind, static_cast<std::uint32_t>(BATON_METRIC_GAUGE));
  ASSERT_EQ(d->metrics[4].bucket_count, 3U);
  EXPECT_EQ(d->metrics[4].buckets[1], 1);
}

struct miscounter : handler {
  static constexpr metric_table metrics{gauge("backlog_rows", "Rows left."), counter("errors_total", "Errors.").label("kind", "a")};
  outcome run(run_context& run) override {
    const auto throws = [](auto code) {
      try {
        code();
      } catch (const std::invalid_argument&) {
        return true;
      }
      return false;
    };
    return throws([&] { run.count("backlog_rows"); }) && throws([&] { run.count("errors_total"); }) && throws([&] {
             run.count("errors_total", 1, {{"kind", "b"}});
           }) && throws([&] { run.set("gone", 1); })
               ? outcome::success()
               : outcome::failure("wrote to nothing");
  }
};

TEST(plugin, fails_the_run_when_the_handler_writes_to_a_metric_that_is_not_in_its_table) {
  EXPECT_EQ(fake_host{}.run<miscounter>().code, BATON_OUTCOME_SUCCESS);
}

struct thrower : handler {
  outcome run(run_context& run) override { return outcome::success(run.text("missing")); }
};

struct book_keeper : handler {
  static constexpr bool uses_store = true;
  outcome run(run_context& run) override {
    const auto store = run.store();
    return store ? outcome::success(std::string{store->url} + " " + std::string{store->lock_name}) : outcome::failure("no store");
  }
};

TEST(plugin, says_whether_it_uses_the_store) {
  EXPECT_EQ(detail::describe<greeter>("greeter", "1.2", "build")->flags, 0U);
  EXPECT_EQ(detail::describe<book_keeper>("book_keeper", "1", "build")->flags, std::uint64_t{BATON_PLUGIN_USES_STORE});
  fake_host host;
  EXPECT_EQ(host.run<book_keeper>().text, "no store");
  host.set_store({"mysql://u@h/d", "secret", "disabled", "", "baton:test:job"});
  EXPECT_EQ(host.run<book_keeper>().text, "mysql://u@h/d baton:test:job");
}

TEST(plugin, fails_the_run_when_the_handler_asks_for_what_is_not_in_its_table) {
  const auto answer = fake_host{}.run<thrower>();
  EXPECT_EQ(answer.code, BATON_OUTCOME_FAILURE);
  EXPECT_THAT(answer.text, HasSubstr("'missing'"));
}

struct stillborn : handler {
  stillborn() { throw std::runtime_error{"no such device"}; }
  outcome run(run_context&) override { return outcome::success(); }
};

TEST(plugin, reports_a_handler_that_cannot_be_made) {
  const auto answer = fake_host{}.run<stillborn>();
  EXPECT_EQ(answer.code, 0U);
  EXPECT_EQ(answer.text, "no such device");
}

struct waiter : handler {
  outcome run(run_context& run) override {
    pollfd stop{run.stop_descriptor(), POLLIN, 0};
    ::poll(&stop, 1, -1);
    while (!run.stop_token().stop_requested()) std::this_thread::yield();
    return run.stop_requested() ? outcome::cancelled() : outcome::failure("woken for nothing");
  }
};

TEST(plugin, tells_a_handler_to_stop_in_three_ways) {
  fake_host host;
  std::thread stopper{[&] { host.request_stop(); }};
  EXPECT_EQ(host.run<waiter>().code, BATON_OUTCOME_CANCELLED);
  stopper.join();
}

}  // namespace
