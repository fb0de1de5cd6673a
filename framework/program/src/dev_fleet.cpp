#include "dev_fleet.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

namespace baton::program {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view folder_prefix = "baton-demo-";

std::string os_error(const std::string& what) { return what + ": " + std::strerror(errno); }

/// Opens and locks the file that marks a folder as in use; -1 if another process has it.
int lock_owner_file(const fs::path& folder, int flags) {
  const int fd = ::open((folder / "owner").c_str(), O_RDWR | O_CLOEXEC | flags, 0600);
  if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

void sweep_abandoned(const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator{parent, ignored}) {
    if (!entry.path().filename().string().starts_with(folder_prefix) || fs::exists(entry.path() / "kept", ignored)) continue;
    const int owner = lock_owner_file(entry.path(), 0);
    if (owner < 0) continue;
    fs::remove_all(entry.path(), ignored);
    ::close(owner);
  }
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Between fork and exec: only what is safe in the copy of a process with threads.
[[noreturn]] void become(char* const* argv, pid_t parent, int log) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(126);
  ::setpgid(0, 0);  // Ctrl-C is for the demo; it stops the fleet in order
  ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execv("/proc/self/exe", argv);
  ::_exit(127);
}

}  // namespace

result<temporary_folder> temporary_folder::create() {
  std::error_code error;
  const auto parent = fs::temp_directory_path(error);
  if (error) return failure{errc::io, "the folder for temporary files ($TMPDIR): " + error.message()};
  sweep_abandoned(parent);
  auto name = (parent / (std::string{folder_prefix} + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) return failure{errc::io, os_error(name)};
  temporary_folder folder;
  folder.path_ = name;
  folder.owner_ = lock_owner_file(folder.path_, O_CREAT);
  if (folder.owner_ < 0) return failure{errc::io, os_error(name + "/owner")};
  return folder;
}

temporary_folder::temporary_folder(temporary_folder&& other) noexcept
    : path_(std::exchange(other.path_, {})), owner_(std::exchange(other.owner_, -1)), is_kept_(other.is_kept_) {}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  if (is_kept_) std::ofstream{path_ / "kept"};
  if (!path_.empty() && !is_kept_) fs::remove_all(path_, ignored);
  if (owner_ >= 0) ::close(owner_);
}

fleet_member::fleet_member(std::string name, std::uint16_t port, fs::path configuration, fs::path log)
    : name_(std::move(name)), port_(port), configuration_(std::move(configuration)), log_(std::move(log)) {}

fleet_member::fleet_member(fleet_member&& other) noexcept
    : name_(std::move(other.name_)),
      port_(other.port_),
      configuration_(std::move(other.configuration_)),
      log_(std::move(other.log_)),
      pid_(std::exchange(other.pid_, 0)) {}

fleet_member::~fleet_member() {
  send(SIGKILL);
  while (pid_ > 0 && ::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

status fleet_member::start() {
  const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return failure{errc::io, os_error(log_.string())};
  std::array<std::string, 4> arguments{"baton", "run", "-c", configuration_.string()};
  const std::array<char*, 5> argv{arguments[0].data(), arguments[1].data(), arguments[2].data(), arguments[3].data(), nullptr};
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become(argv.data(), parent, log);
  ::close(log);
  if (child < 0) return failure{errc::spawn_failed, os_error("fork")};
  pid_ = child;
  return {};
}

void fleet_member::send(int signal) const noexcept {
  if (pid_ > 0) ::kill(pid_, signal);
}

std::optional<int> fleet_member::ended() noexcept {
  int status = 0;
  if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  return status;
}

bool fleet_member::is_ready() const {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const auto address = loopback(port_);
  constexpr std::string_view request = "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  constexpr std::string_view wanted = "HTTP/1.1 200";
  std::array<char, wanted.size()> answer{};
  pollfd readable{fd, POLLIN, 0};
  const bool is_ok = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()) &&
                     ::poll(&readable, 1, 200) == 1 && ::recv(fd, answer.data(), answer.size(), 0) == static_cast<ssize_t>(answer.size()) &&
                     std::string_view{answer.data(), answer.size()} == wanted;
  ::close(fd);
  return is_ok;
}

std::string fleet_member::last_words() const {
  std::ifstream file{log_};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  return text.size() > 2000 ? text.substr(text.find('\n', text.size() - 2000) + 1) : text;
}

std::uint16_t free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool is_bound = ::bind(probe, generic, size) == 0 && ::getsockname(probe, generic, &size) == 0;
  if (probe >= 0) ::close(probe);
  return is_bound ? ntohs(address.sin_port) : std::uint16_t{0};
}

}  // namespace baton::program
