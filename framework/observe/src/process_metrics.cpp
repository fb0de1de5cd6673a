#include "process_metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <locale>
#include <optional>
#include <sstream>
#include <string_view>

namespace baton::observe {
namespace {

/// Fields of /proc/self/stat, by their numbers in proc(5).
struct process_stat {
  double user_ticks = 0;    // 14
  double system_ticks = 0;  // 15
  double threads = 0;       // 20
  double start_ticks = 0;   // 22, since boot
  double virtual_size = 0;  // 23, bytes
  double resident = 0;      // 24, pages
};

std::optional<process_stat> read_stat(const std::string& path) {
  std::ifstream file{path};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto name_end = text.rfind(')');  // the process's own name may hold spaces and parentheses
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest{text.substr(name_end + 1)};
  rest.imbue(std::locale::classic());
  std::string state;
  rest >> state;  // field 3
  std::vector<double> numbers;
  for (double number = 0; numbers.size() < 21 && rest >> number;) numbers.push_back(number);
  if (numbers.size() < 21) return std::nullopt;
  const auto field = [&](std::size_t number) { return numbers[number - 4]; };
  return process_stat{field(14), field(15), field(20), field(22), field(23), field(24)};
}

std::optional<double> read_boot_time(const std::string& path) {
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view key = "btime ";
    std::int64_t seconds = 0;
    if (line.starts_with(key) && std::from_chars(line.data() + key.size(), line.data() + line.size(), seconds).ec == std::errc{}) {
      return static_cast<double>(seconds);
    }
  }
  return std::nullopt;
}

std::optional<double> count_descriptors(const std::string& path) {
  std::error_code error;
  std::filesystem::directory_iterator entries{path, error};
  if (error) return std::nullopt;
  double count = -1;  // one of them is this look
  for (; !error && entries != std::filesystem::directory_iterator{}; entries.increment(error)) ++count;
  return count;
}

prometheus::MetricFamily family(std::string_view name, std::string_view help, prometheus::MetricType type, double value) {
  prometheus::MetricFamily made;
  made.name = name;
  made.help = help;
  made.type = type;
  prometheus::ClientMetric metric;
  (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  made.metric.push_back(std::move(metric));
  return made;
}

}  // namespace

std::vector<prometheus::MetricFamily> collect_process_metrics(wall_time started, const std::string& proc_root) {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> out;
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    out.push_back(family(name, help, MetricType::Gauge, value));
  };

  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::optional<double> start;
  if (started != wall_time{}) start = std::chrono::duration<double>(started.time_since_epoch()).count();
  if (const auto stat = read_stat(proc_root + "/self/stat")) {
    const auto cpu = (stat->user_ticks + stat->system_ticks) / ticks_per_second;
    out.push_back(family("process_cpu_seconds_total", "User and system CPU time spent.", MetricType::Counter, cpu));
    gauge("process_virtual_memory_bytes", "Virtual memory size.", stat->virtual_size);
    gauge("process_resident_memory_bytes", "Resident memory size.", stat->resident * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    gauge("process_threads", "Number of threads.", stat->threads);
    if (!start) {
      if (const auto boot = read_boot_time(proc_root + "/stat")) start = *boot + stat->start_ticks / ticks_per_second;
    }
  }
  if (start) gauge("process_start_time_seconds", "Start time of the process since the epoch.", *start);
  if (const auto open = count_descriptors(proc_root + "/self/fd")) gauge("process_open_fds", "Number of open file descriptors.", *open);
  if (rlimit limit{}; ::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    gauge("process_max_fds", "Maximum number of open file descriptors.", static_cast<double>(limit.rlim_cur));
  }
  return out;
}

}  // namespace baton::observe
