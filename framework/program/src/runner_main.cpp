#include "baton/plugin_host/executor.hpp"

int main() { return baton::plugin_host::runner_main(); }
