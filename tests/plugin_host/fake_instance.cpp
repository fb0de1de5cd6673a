// An instance that starts one run and waits, so that a test can stop or kill it.
//   plugin_host_fake_instance <runner> <plugin> <how> <pids file> <lease in ms>
#include <unistd.h>

#include <cstdlib>

#include "fixture.hpp"

int main(int, char** arguments) {
  using namespace baton::plugin_host;
  const baton::system_clock time;
  executor::options options;
  options.runner_program = arguments[1];
  auto made = executor::create(std::move(options), time, [](run_id, run_event) {});
  if (!made) return EXIT_FAILURE;
  run_request request;
  request.id = run_id{1};
  request.plugin_path = arguments[2];
  request.parameters = {{"how", std::string{arguments[3]}}, {"pids", std::string{arguments[4]}}};
  request.lease_deadline = time.now().steady + std::chrono::milliseconds{std::atoi(arguments[5])};
  made.value()->start(std::move(request));
  while (true) ::pause();
}
