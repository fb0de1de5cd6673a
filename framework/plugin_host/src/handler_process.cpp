#include "handler_process.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "cgroup.hpp"
#include "frame.hpp"
#include "invocation.hpp"
#include "loader.hpp"

namespace baton::plugin_host {
namespace {

/// Memory that a run may leave behind for the next one.
constexpr std::size_t most_growth = std::size_t{64} << 20;

/// Writes frames to the supervisor, which always reads.
class channel_sink final : public run_sink {
 public:
  explicit channel_sink(int channel) : channel_{channel} {}
  void started() noexcept override { send(started_frame{}); }
  void log(run_log line) noexcept override { send(std::move(line)); }
  void progress(run_progress step) noexcept override { send(std::move(step)); }
  void count(run_metrics news) noexcept override { send(std::move(news)); }

  void send(const frame& f) noexcept {
    const auto bytes = encode_frame(f);
    const std::scoped_lock guard{mutex_};
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto count = ::send(channel_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return;
      sent += static_cast<std::size_t>(count);
    }
  }

 private:
  std::mutex mutex_;
  int channel_;
};

void limit(int what, const std::optional<std::uint64_t>& most) noexcept {
  if (!most) return;
  const rlimit both{*most, *most};
  ::setrlimit(static_cast<__rlimit_resource>(what), &both);
}

std::size_t entries_of(const char* directory) {
  std::error_code ignored;
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{directory, ignored}, {}));
}

/// And a constant: the kernel counts threads among the links of their folder. Their names there are not looked up: whoever reaps a process
/// whose were waits for the kernel to forget each one, and on a busy machine that took most of the time of a run.
std::size_t count_threads() {
  struct stat folder {};
  return ::stat("/proc/self/task", &folder) == 0 ? folder.st_nlink : 0;
}

/// Also one that has ended, and that nobody asked about.
bool has_children() {
  siginfo_t ignored{};
  return ::waitid(P_ALL, 0, &ignored, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

/// What a run could change for the next one, and that can be seen from here.
struct surroundings {
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  bool children = false;
  std::string directory;
  std::vector<std::string> environment;
  sigset_t blocked{};
  mode_t mask = 0;
  uid_t user = 0;
  gid_t group = 0;
  pid_t process_group = 0;

  [[nodiscard]] static surroundings look() {
    surroundings s;
    s.descriptors = entries_of("/proc/self/fd");
    s.threads = count_threads();
    s.children = has_children();
    std::error_code ignored;
    s.directory = std::filesystem::current_path(ignored).string();
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) s.environment.emplace_back(*entry);
    ::sigprocmask(SIG_SETMASK, nullptr, &s.blocked);
    s.mask = ::umask(0);
    ::umask(s.mask);
    s.user = ::geteuid();
    s.group = ::getegid();
    s.process_group = ::getpgrp();
    return s;
  }
  [[nodiscard]] bool operator==(const surroundings& other) const {
    const auto blocks = [](const sigset_t& set, int signal) { return ::sigismember(&set, signal) == 1; };
    for (int signal = 1; signal < SIGRTMAX; ++signal) {
      if (blocks(blocked, signal) != blocks(other.blocked, signal)) return false;
    }
    return descriptors == other.descriptors && threads == other.threads && children == other.children && directory == other.directory &&
           environment == other.environment && mask == other.mask && user == other.user && group == other.group &&
           process_group == other.process_group;
  }
};

std::size_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long all = 0;
  unsigned long resident = 0;
  const int read = std::fscanf(file, "%lu %lu", &all, &resident);  // NOLINT(cert-err34-c): the kernel writes numbers
  std::fclose(file);
  return read == 2 ? resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

/// Appends what the supervisor says next; false when it is gone.
bool hear_more(int channel, std::string& heard) {
  std::array<char, 65536> block;
  while (true) {
    const auto count = ::recv(channel, block.data(), block.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) heard.append(block.data(), static_cast<std::size_t>(count));
    return count > 0;
  }
}

/// What comes behind it stays in `heard`.
std::optional<request_frame> first_request(int channel, std::string& heard) {
  std::optional<request_frame> first;
  while (!first && hear_more(channel, heard)) {
    const bool good = take_frames(heard, [&first](frame&& content) {
      if (auto* request = std::get_if<request_frame>(&content)) first = std::move(*request);
      return !first;
    });
    if (!good) break;
  }
  return first;
}

/// One run after another. A thread beside that of the runs reads what the supervisor says.
class handler_process {
 public:
  handler_process(unique_fd channel, std::string heard) : channel_{std::move(channel)}, heard_{std::move(heard)}, sink_{channel_.get()} {}

  [[noreturn]] void work(request_frame first) {
    begin(std::move(first));
    quiet_thread([this] { obey(); }).detach();
    for (std::size_t runs = 0;; ++runs) {
      auto end = carry_out();
      std::fflush(nullptr);
      if (runs == 0) first_resident_ = resident_bytes();  // the plugin is loaded
      const auto found = surroundings::look();
      // What the first run leaves open belongs to the plugin (a library it has initialised). What comes on top is a leak.
      if (runs == 0) known_ = found;
      end.reusable = end.reusable && known_.threads == born_.threads + 1 && (runs == 0 ? is_as_born(known_) : found == known_) &&
                     resident_bytes() < first_resident_ + most_growth;
      const bool go_on = end.reusable;
      sink_.send(end);
      if (!go_on) ::_exit(0);  // here, while all is still there for the other thread; what the plugin leaked goes with the process
      std::unique_lock guard{mutex_};
      has_request_.wait(guard, [this] { return run_ != nullptr; });
    }
  }

 private:
  /// On the way to the first run nothing but descriptors can have changed.
  [[nodiscard]] bool is_as_born(surroundings now) const {
    now.descriptors = born_.descriptors;
    now.threads = born_.threads;
    return now == born_;
  }

  void begin(request_frame request) {
    const std::scoped_lock guard{mutex_};
    describes_ = request.describe_only;
    path_ = request.request.plugin_path;
    run_ = std::make_unique<invocation>(std::move(request), sink_);
    has_request_.notify_one();
  }

  ended_frame carry_out() {
    if (describes_) return describe();
    auto end = run_->carry_out();
    const std::scoped_lock guard{mutex_};
    run_.reset();
    return end;
  }

  ended_frame describe() {
    auto plugin = load_plugin(path_);
    if (!plugin) return {run_end::not_started, plugin.error().context, {}};
    sink_.send(described_frame{std::move(plugin->description)});
    return {run_end::success, {}, {}};
  }

  /// Carries out what the supervisor says; at its end, everything ends.
  void obey() noexcept {
    bool good = true;
    do {
      good = take_frames(heard_, [this](frame&& content) {
        hear(content);
        return true;
      });
    } while (good && hear_more(channel_.get(), heard_));
    ::kill(0, SIGKILL);
  }

  void hear(frame& content) {
    if (auto* request = std::get_if<request_frame>(&content)) return begin(std::move(*request));
    const std::scoped_lock guard{mutex_};
    if (!run_) return;  // it has ended meanwhile
    if (const auto* extended = std::get_if<extend_frame>(&content)) run_->extend(extended->lease_deadline);
    if (std::holds_alternative<stop_token_frame>(content)) run_->request_stop();
  }

  unique_fd channel_;
  std::string heard_;  ///< of obey()
  channel_sink sink_;
  const surroundings born_ = surroundings::look();
  surroundings known_;
  std::size_t first_resident_ = 0;
  bool describes_ = false;
  std::string path_;
  std::mutex mutex_;
  std::condition_variable has_request_;
  std::unique_ptr<invocation> run_;
};

}  // namespace

void run_handler_process(unique_fd channel) noexcept {
  // What is printed before a crash should not be lost in a buffer.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int descriptor = channel.get();
  std::unique_ptr<handler_process> self;  // never destroyed: its thread needs it to the end
  try {
    std::string heard;
    auto request = first_request(descriptor, heard);
    if (!request) ::_exit(EXIT_FAILURE);
    const auto& limits = request->request.limits;
    if (request->cgroup.empty() || !join_cgroup(request->cgroup)) limit(RLIMIT_AS, limits.memory_bytes);
    limit(RLIMIT_CPU, limits.cpu_seconds);
    limit(RLIMIT_NOFILE, limits.open_files);
    self = std::make_unique<handler_process>(std::move(channel), std::move(heard));
    self->work(std::move(*request));
  } catch (const std::exception& e) {
    channel_sink{descriptor}.send(
        ended_frame{run_end::not_started, std::string{"the handler's process could not be prepared: "} + e.what(), {}});
  }
  ::_exit(0);
}

}  // namespace baton::plugin_host
