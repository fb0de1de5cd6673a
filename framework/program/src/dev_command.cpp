#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>

#include "baton/schedule/duration.hpp"
#include "baton/testing/private_server.hpp"
#include "commands.hpp"
#include "dev_demo.hpp"
#include "exit_codes.hpp"

namespace baton::program {
namespace {

int fail(const failure& why) {
  std::fprintf(stderr, "baton: error: %s\n", why.context.c_str());
  return why.code == errc::not_found ? exit_unavailable : exit_code_of(why);
}

/// The signals that end the demo, as a descriptor. Before any thread begins, so that all of them leave these signals to it.
int signal_descriptor() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

int dev_command(const dev_options& options) {
  demo::options wanted;
  wanted.instances = options.instances;
  wanted.began = system_clock{}.now();
  if (!options.for_how_long.empty()) {
    const auto length = schedule::parse_duration(options.for_how_long);
    if (const auto* wrong = std::get_if<schedule::syntax_error>(&length)) {
      std::fprintf(stderr, "baton: error: --for %s: %s; write for example 30s or 5m\n", options.for_how_long.c_str(),
                   wrong->message.c_str());
      return exit_usage;
    }
    wanted.length = std::get<microseconds>(length);
  }
  const int signals = signal_descriptor();
  auto folder = temporary_folder::create();
  if (!folder) return fail(folder.error());
  std::unique_ptr<testing::private_server> server;
  if (options.store == "mysql") {
    auto started = testing::private_server::start({});
    if (!started) return fail(started.error());
    server = std::move(*started);
  }
  const auto store = server ? demo_store_on(*server) : demo_store_in(folder->path() / "store");
  const auto is_good = demo{wanted, store, folder->path(), signals}.run();
  if (!is_good) return fail(is_good.error());
  if (*is_good) return exit_ok;
  folder->keep();
  std::printf("   the journal and the logs are kept in %s\n", folder->path().c_str());
  return exit_negative;
}

}  // namespace baton::program
