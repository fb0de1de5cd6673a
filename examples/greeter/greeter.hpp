#pragma once

#include <baton/sdk/plugin.hpp>

struct greeter_handler : baton::sdk::handler {
  // Checked before any of this code is called.
  static constexpr baton::sdk::params parameters{
      baton::sdk::param<std::string>("greeting", "hello", "what to say"),
      baton::sdk::param<int>("times", 1, "how often").range(1, 100),
      baton::sdk::param<bool>("loud", false, "with an exclamation mark"),
  };

  baton::sdk::outcome run(baton::sdk::run_context& run) override {
    const auto times = run.integer("times");
    const auto text = run.text("greeting") + (run.flag("loud") ? "!" : "");
    for (std::int64_t i = 1; i <= times; ++i) {
      if (run.stop_requested()) return baton::sdk::outcome::cancelled();
      run.log().info("greeted", {{"text", text}, {"number", i}, {"tick", run.tick()}});
      run.progress(static_cast<double>(i) / static_cast<double>(times));
    }
    return baton::sdk::outcome::success("greeted " + std::to_string(times) + (times == 1 ? " time" : " times"));
  }
};
