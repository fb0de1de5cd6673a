#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "bed.hpp"

namespace baton::bench {
namespace {

using namespace std::chrono_literals;

/// MB of memory that a process has.
double memory_of(pid_t process) {
  std::ifstream status{"/proc/" + std::to_string(process) + "/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

double seconds_since(wall_time then) { return std::chrono::duration<double>(testing::wall_now() - then).count(); }

}  // namespace

void idle(bed& b) {
  b.print_head(std::to_string(b.wanted.jobs) + " daily jobs, of which none is due, and one each second");
  auto f = b.make_fleet("idle");
  const auto hour = std::chrono::duration_cast<std::chrono::hours>(testing::wall_now().time_since_epoch()).count();
  const auto far = "\"0 " + std::to_string((hour + 12) % 24) + " * * *\"";
  for (int i = 1; i < b.wanted.jobs; ++i) f->plugin_job("job-" + std::to_string(i), far, "noop", "{}", "    isolation: in_process\n");
  f->plugin_job("each-second", "{every: 1s}", "noop", "{}", "    isolation: in_process\n");
  for (int i = 0; i < b.wanted.instances; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    f->write_file(name);
    const auto started = testing::wall_now();
    auto& instance = f->add(name);
    testing::eventually([&] { return instance.is_ready() || !instance.process().is_running(); }, 300s);
    if (!instance.is_ready()) fail("not ready: " + instance.log().substr(0, 4000));
    const auto ready = seconds_since(started);
    std::printf("%s: ready after %.2f s, %.1f MB\n", name.c_str(), ready, memory_of(instance.pid()));
    b.keep(i == 0 ? "start_first_ever" : "start", ready, "s");
    if (i > 0) continue;  // which of several runs the ticks is open
    const auto begin = to_rfc3339(started).substr(0, 26);
    std::string first;
    const auto has_run = [&] {
      first = b.ask("SELECT TIMESTAMPDIFF(MICROSECOND,'" + begin + "',MIN(started))/1000000 FROM baton.baton_tick WHERE cluster='idle'");
      return !first.empty();
    };
    if (!testing::eventually(has_run, 60s)) fail("nothing runs: " + instance.log().substr(0, 4000));
    std::printf("%s: first tick after %s s\n", name.c_str(), first.c_str());
    b.keep("start_to_first_tick", std::stod(first), "s");
  }
  std::this_thread::sleep_for(15s);  // a reconcile looks back ten seconds, and sees jobs that are new until then
  std::vector<double> before;
  for (auto& i : *f) before.push_back(cpu_of(i->pid()));
  const auto server = b.server_cpu();
  std::this_thread::sleep_for(std::chrono::seconds{b.wanted.seconds});
  for (std::size_t i = 0; i < f->size(); ++i) {
    const auto part = 100 * (cpu_of((*f)[i].pid()) - before[i]) / b.wanted.seconds;
    std::printf("%s: %.2f %% of a processor, %.1f MB\n", (*f)[i].name().c_str(), part, memory_of((*f)[i].pid()));
    b.keep("idle_processor", part, "%");
    b.keep("idle_memory", memory_of((*f)[i].pid()), "MB");
  }
  std::printf("server: %.2f %%\n", 100 * (b.server_cpu() - server) / b.wanted.seconds);
}

}  // namespace baton::bench
