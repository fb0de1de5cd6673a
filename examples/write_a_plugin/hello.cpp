#include <baton/sdk/plugin.hpp>

struct hello : baton::sdk::handler {
  static constexpr baton::sdk::params parameters{baton::sdk::param<std::string>("greeting", "hello", "what to say")};
  baton::sdk::outcome run(baton::sdk::run_context& run) override {
    run.log().info("greeted", {{"text", run.text("greeting")}, {"tick", run.tick()}});
    return baton::sdk::outcome::success();
  }
};

BATON_PLUGIN(hello, "hello", "1.0.0")
