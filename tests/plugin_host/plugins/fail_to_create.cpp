#include <stdexcept>

#include "baton/sdk/plugin.hpp"

namespace {

struct fail_to_create : baton::sdk::handler {
  fail_to_create() { throw std::runtime_error{"no such device"}; }
  baton::sdk::outcome run(baton::sdk::run_context&) override { return baton::sdk::outcome::success(); }
};

}  // namespace

BATON_PLUGIN(fail_to_create, "fail_to_create", "1")
