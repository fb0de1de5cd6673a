#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "baton/sdk/plugin.hpp"

namespace {

using baton::sdk::outcome;
using baton::sdk::run_context;

void note_pid(const std::string& path) {
  if (path.empty()) return;
  std::ofstream{path, std::ios::app} << ::getpid() << "\n" << std::flush;
}

[[noreturn]] void sleep_for_ever() {
  while (true) ::pause();
}

/// Everything a handler should not do, one at a time.
struct misbehave : baton::sdk::handler {
  static constexpr baton::sdk::params parameters{
      baton::sdk::required<std::string>("how", "what to do"),
      baton::sdk::param<std::string>("pids", "", "file to write process numbers to"),
  };

  outcome run(run_context& run) override {
    auto how = run.text("how");
    if (how == "at_random") how = way_of(run);
    const auto pids = run.text("pids");
    note_pid(pids);
    if (how == "succeed") return outcome::success("all went well");
    if (how == "fail") return outcome::failure("it did not work");
    if (how == "segfault") std::raise(SIGSEGV);
    if (how == "abort") std::abort();
    if (how == "exit") std::exit(3);
    if (how == "throw") throw std::runtime_error{"thrown on purpose"};
    if (how == "throw_int") throw 7;
    if (how == "kill_supervisor") {
      ::kill(::getppid(), SIGKILL);
      sleep_for_ever();
    }
    if (how == "stack_overflow") return outcome::success(std::to_string(recurse(1)));
    if (how == "exhaust_memory") {
      for (std::vector<std::string> all;;) all.emplace_back(std::size_t{1} << 20, 'm');
    }
    if (how == "exhaust_descriptors") {
      while (::dup(STDIN_FILENO) >= 0) continue;
      throw std::runtime_error{"no descriptor is left"};
    }
    if (how == "loop") {
      volatile bool goes_on = true;
      while (goes_on) continue;
    }
    if (how == "hang") sleep_for_ever();
    if (how == "hang_hard") {
      std::signal(SIGTERM, SIG_IGN);
      sleep_for_ever();
    }
    if (how == "obey") {
      pollfd stop{run.stop_descriptor(), POLLIN, 0};
      ::poll(&stop, 1, -1);
      if (!run.stop_requested()) return outcome::failure("woken for nothing");
      while (!run.stop_token().stop_requested()) std::this_thread::yield();  // follows the descriptor
      return outcome::cancelled("as told");
    }
    if (how == "fork" || how == "daemonize" || how == "daemonize_and_hang") {
      // Twice, with a session of its own in between, as daemons do.
      const auto flee = how != "fork";
      if (::fork() == 0) {
        if (flee) ::setsid();
        if (::fork() != 0 && flee) ::_exit(0);
        std::signal(SIGTERM, SIG_IGN);
        note_pid(pids);
        sleep_for_ever();
      }
      while (count_lines(pids) < (flee ? 2 : 3)) ::usleep(1000);
      if (how == "daemonize_and_hang") sleep_for_ever();
      return outcome::success();
    }
    if (how == "print") {
      std::printf("to stdout\n");
      std::fprintf(stderr, "to stderr\n");
      return outcome::success();
    }
    if (how == "daemonize_alone") {
      if (::fork() == 0) {
        ::setsid();
        if (::fork() != 0) ::_exit(0);
        std::signal(SIGTERM, SIG_IGN);
        sleep_for_ever();
      }
      return outcome::success();
    }
    if (how == "print_much") {
      const std::string block(1 << 20, 'x');
      for (int i = 0; i < 16; ++i) std::fwrite(block.data(), 1, block.size(), stdout);
      return outcome::success();
    }
    if (how == "print_gigabytes") {
      const std::string block(1 << 20, 'x');
      for (int i = 0; i < 256; ++i) std::fwrite(block.data(), 1, block.size(), stdout);
      std::printf("\xff the end \xe2\x82\xac\n");
      return outcome::success();
    }
    if (how == "log") {
      run.log().warning("a line", {{"number", 42}, {"text", "value"}, {"tick", run.tick()}});
      run.progress(0.5, "half way");
      return outcome::skipped("nothing new");
    }
    if (how == "log_gigabytes") {
      const std::string value(4000, 'y');
      for (int i = 0; i < 50'000; ++i) run.log().info("flood", {{"value", value}});
      return outcome::success();
    }
    if (how == "babble") {
      const std::string rubbish(64, '\xff');
      for (int descriptor = 3; descriptor < 32; ++descriptor) {
        [[maybe_unused]] const auto written = ::write(descriptor, rubbish.data(), rubbish.size());
      }
      sleep_for_ever();
    }
    if (how == "say_who") return outcome::success(std::to_string(::getpid()));
    if (how == "leak_descriptor") return outcome::success(std::to_string(::dup(STDIN_FILENO)));
    if (how == "leave_thread") std::thread{sleep_for_ever}.detach();
    if (how == "change_directory" && ::chdir("/tmp") == 0) return outcome::success();
    if (how == "change_environment") ::setenv("LEFT", "behind", 1);
    if (how == "change_mask") ::umask(0777);
    if (how == "block_signals") {
      sigset_t all;
      sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    }
    if (how == "leak_memory") std::memset(::malloc(std::size_t{128} << 20), 1, std::size_t{128} << 20);
    if (how == "leave_thread" || how == "change_environment" || how == "change_mask" || how == "block_signals" || how == "leak_memory")
      return outcome::success();
    if (how == "list_descriptors") return outcome::success(open_files());
    if (how == "list_environment") {
      std::string all;
      for (char** entry = environ; *entry != nullptr; ++entry) all += std::string{*entry} + "\n";
      return outcome::success(all);
    }
    if (how == "describe_run") {
      return outcome::success(std::string{run.job()} + " " + std::string{run.cluster()} + " " + std::string{run.instance()} + " " +
                              std::string{run.run_id()} + " " + std::string{run.trigger()} + " " + std::to_string(run.attempt()) + " " +
                              std::to_string(run.fence()) + " " + baton::sdk::to_rfc3339(run.tick()) + " " +
                              (run.deadline() ? baton::sdk::to_rfc3339(*run.deadline()) : "none") + " " +
                              (run.lease_is_held() ? "held" : "lost"));
    }
    return outcome::failure("does not know how to " + how);
  }

 private:
  /// One of the ways that need no help to end, by the run's own number.
  static std::string way_of(const run_context& run) {
    static constexpr std::array ways{"succeed",
                                     "fail",
                                     "segfault",
                                     "abort",
                                     "exit",
                                     "throw",
                                     "throw_int",
                                     "kill_supervisor",
                                     "loop",
                                     "hang",
                                     "hang_hard",
                                     "print",
                                     "daemonize_alone",
                                     "stack_overflow",
                                     "exhaust_memory",
                                     "exhaust_descriptors",
                                     "log",
                                     "babble",
                                     "leave_thread",
                                     "leak_descriptor",
                                     "print_much",
                                     "succeed",
                                     "succeed"};
    const auto number = run.fence() * 2654435761U + std::hash<std::string_view>{}(run.job());
    return ways.at(number / 7 % ways.size());
  }

  // Not a tail call, and each call has something to keep.
  static int recurse(int depth) {  // NOLINT(misc-no-recursion): that is the point
    volatile char kept[4096];
    kept[0] = static_cast<char>(depth);
    if (depth < 0) return 0;
    return recurse(depth + 1) + kept[0];
  }

  static int count_lines(const std::string& path) {
    std::ifstream in{path};
    return static_cast<int>(std::count(std::istreambuf_iterator<char>{in}, {}, '\n'));
  }

  static std::string open_files() {
    std::string all;
    DIR* const directory = ::opendir("/proc/self/fd");
    while (const dirent* entry = ::readdir(directory)) {
      char target[256] = {};
      const auto path = std::string{"/proc/self/fd/"} + entry->d_name;
      if (entry->d_name[0] != '.' && ::readlink(path.c_str(), target, sizeof target - 1) > 0) all += std::string{target} + "\n";
    }
    ::closedir(directory);
    return all;
  }
};

}  // namespace

BATON_PLUGIN(misbehave, "misbehave", "1.2.3")
