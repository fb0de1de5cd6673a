#include <poll.h>

#include <algorithm>
#include <chrono>

#include "baton/sdk/plugin.hpp"

namespace {

using namespace std::chrono;

/// Does nothing, for as long as it is told.
struct noop : baton::sdk::handler {
  static constexpr baton::sdk::params parameters{
      baton::sdk::param<microseconds>("duration", 0s, "how long to do nothing").range(0s, seconds{days{365}}),
      baton::sdk::param<bool>("fail", false, "fail at the end"),
  };

  baton::sdk::outcome run(baton::sdk::run_context& run) override {
    const auto end = steady_clock::now() + run.duration("duration");
    while (!run.stop_requested()) {
      const auto left = ceil<milliseconds>(end - steady_clock::now());
      if (left <= 0ms) return run.flag("fail") ? baton::sdk::outcome::failure("told to fail") : baton::sdk::outcome::success();
      pollfd stop{run.stop_descriptor(), POLLIN, 0};
      ::poll(&stop, 1, static_cast<int>(std::min<milliseconds::rep>(left.count(), 60'000)));
    }
    return baton::sdk::outcome::cancelled();
  }
};

}  // namespace

BATON_PLUGIN(noop, "noop", "1.0.0")
