#include <cstdlib>

#include "baton/sdk/plugin.hpp"

namespace {

struct crash {
  crash() { std::abort(); }
} const crash_on_load;

struct nothing : baton::sdk::handler {
  baton::sdk::outcome run(baton::sdk::run_context&) override { return baton::sdk::outcome::success(); }
};

}  // namespace

BATON_PLUGIN(nothing, "crash_on_load", "1")
