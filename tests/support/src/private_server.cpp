#include "baton/testing/private_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mysql.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <fstream>
#include <future>
#include <mutex>
#include <queue>
#include <random>
#include <sstream>
#include <thread>

#include "baton/testing/disturbance.hpp"

namespace baton::testing {
namespace {

namespace fs = std::filesystem;
using arguments = std::vector<std::string>;

std::string os_error(std::string_view what) { return std::string{what} + ": " + std::strerror(errno); }

/// PDEATHSIG fires when the *thread* that forked ends. So all servers are forked by one thread that lives as long as the process.
class spawning_thread {
 public:
  static spawning_thread& instance() {
    static auto* self = new spawning_thread;  // never destroyed: its end would kill the servers
    return *self;
  }

  pid_t spawn(const arguments& command, const std::string& log) {
    std::packaged_task<pid_t()> task{[&] { return fork_and_exec(command, log); }};
    auto answer = task.get_future();
    {
      const std::lock_guard guard{mutex_};
      tasks_.push(std::move(task));
    }
    wake_.notify_one();
    return answer.get();
  }

 private:
  spawning_thread() {
    std::thread{[this] { work(); }}.detach();
  }

  [[noreturn]] void work() {
    for (;;) {
      std::unique_lock guard{mutex_};
      wake_.wait(guard, [this] { return !tasks_.empty(); });
      auto task = std::move(tasks_.front());
      tasks_.pop();
      guard.unlock();
      task();
    }
  }

  static pid_t fork_and_exec(const arguments& command, const std::string& log) {
    std::vector<char*> argv;
    for (const auto& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child != 0) return child;
    // Between fork and exec: only what is safe in a copy of a threaded process.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);
    ::setpgid(0, 0);
    const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(input, 0);
    ::dup2(output, 1);
    ::dup2(output, 2);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::queue<std::packaged_task<pid_t()>> tasks_;
};

/// What `variable` names, else a folder in the user's cache.
fs::path fetched(const char* variable, const char* folder) {
  const auto text = [](const char* name) { return std::string{std::getenv(name) != nullptr ? std::getenv(name) : ""}; };
  if (!text(variable).empty()) return text(variable);
  const auto cache = text("XDG_CACHE_HOME").empty() ? fs::path{text("HOME")} / ".cache" : fs::path{text("XDG_CACHE_HOME")};
  return cache / "baton" / folder;
}

fs::path mysql_root() { return fetched("BATON_MYSQL_ROOT", "mysql-sid"); }

std::optional<fs::path> on_path(std::string_view program) {
  std::stringstream folders{std::string{std::getenv("PATH") != nullptr ? std::getenv("PATH") : ""} + ":/usr/sbin:/usr/local/sbin"};
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (const auto path = fs::path{folder} / program; ::access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

/// The first match of `<folder>/<prefix>*`.
std::optional<fs::path> first_in(const fs::path& folder, std::string_view prefix) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{folder, error}) {
    if (entry.path().filename().string().starts_with(prefix)) return entry.path();
  }
  return std::nullopt;
}

/// MySQL's server from an unpacked folder.
arguments mysql_command() {
  const auto root = mysql_root();
  const auto share = root / "usr/share/mysql";
  auto command = private_server::mysql_program("sbin/mysqld");
  command.insert(command.end(), {"--no-defaults", "--secure-file-priv=NULL", "--mysqlx=OFF", "--lc-messages-dir=" + share.string(),
                                 "--character-sets-dir=" + (share / "charsets").string(),
                                 "--plugin-dir=" + (root / "usr/lib/mysql/plugin").string(), "--innodb-redo-log-capacity=32M"});
  return command;
}

/// With the plugins of fetch_mariadb_plugins.sh, if they are there.
arguments mariadb_command() {
  arguments command{on_path("mariadbd").value_or("mariadbd"), "--no-defaults"};
  if (const auto plugins = private_server::mariadb_plugins(); fs::exists(plugins)) command.push_back("--plugin-dir=" + plugins);
  return command;
}

arguments server_command(server_kind kind) {
  auto command = kind == server_kind::mysql ? mysql_command() : mariadb_command();
  if (::geteuid() == 0) command.emplace_back("--user=root");
  return command;
}

result<void> run_to_end(const arguments& command, const std::string& log) {
  const pid_t child = spawning_thread::instance().spawn(command, log);
  if (child < 0) return failure{errc::spawn_failed, os_error("fork")};
  int state = 0;
  while (::waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return {};
  return failure{errc::spawn_failed, command.front() + " failed; its output is in " + log};
}

std::string temporary_folder() { return fs::temp_directory_path(); }

/// Makes an empty data directory. The result is kept per user and server version and copied: initialising MySQL takes 3 s.
status make_data_directory(server_kind kind, const fs::path& data, const std::string& log) {
  const auto command = server_command(kind);
  const auto program = kind == server_kind::mysql ? mysql_root() / "usr/sbin/mysqld" : fs::path{command.front()};
  struct stat info {};
  if (::stat(program.c_str(), &info) != 0) return failure{errc::not_found, os_error(program.string())};
  const auto cache = fs::path{temporary_folder()} / ("baton-server-templates-" + std::to_string(::geteuid()));
  if (::mkdir(cache.c_str(), 0700) != 0 && errno != EEXIST) return failure{errc::io, os_error(cache.string())};
  struct stat owner {};
  if (::lstat(cache.c_str(), &owner) != 0 || !S_ISDIR(owner.st_mode) || owner.st_uid != ::geteuid() || (owner.st_mode & 077) != 0)
    return failure{errc::io, cache.string() + " is not a folder of this user's alone: remove it"};
  const auto kept = cache / (std::string{to_string(kind)} + "-" + std::to_string(info.st_mtime) + "-" + std::to_string(info.st_size));

  if (!fs::exists(kept)) {
    const auto fresh = fs::path{kept.string() + "." + std::to_string(::getpid())};
    std::error_code error;
    fs::remove_all(fresh, error);
    arguments initialise;
    if (kind == server_kind::mysql) {
      initialise = command;
      initialise.insert(initialise.end(), {"--initialize-insecure", "--datadir=" + fresh.string()});
    } else {
      initialise = {"mariadb-install-db",
                    "--no-defaults",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--skip-name-resolve",
                    "--force",  // without it, it wants to look up this host's name, which a bare machine may not know
                    "--innodb-log-file-size=16M",
                    "--datadir=" + fresh.string()};
      if (::geteuid() == 0) initialise.emplace_back("--user=root");
    }
    if (auto made = run_to_end(initialise, log); !made) {
      fs::remove_all(fresh, error);
      return made;
    }
    fs::remove(fresh / "auto.cnf", error);  // the server's identity: a copy gets its own
    fs::rename(fresh, kept, error);
    if (error && !fs::exists(kept)) return failure{errc::io, kept.string() + ": " + error.message()};
    fs::remove_all(fresh, error);
  }
  std::error_code error;
  fs::copy(kept, data, fs::copy_options::recursive, error);
  if (error) return failure{errc::io, data.string() + ": " + error.message()};
  return {};
}

/// Directories whose process is gone: a killed test cannot clean up.
void sweep_abandoned(const fs::path& parent) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{parent, error}) {
    if (!entry.path().filename().string().starts_with("baton-server-run-")) continue;
    const int lock = ::open((entry.path() / "owner").c_str(), O_RDWR | O_CLOEXEC);
    if (lock < 0) continue;
    if (::flock(lock, LOCK_EX | LOCK_NB) == 0) fs::remove_all(entry.path(), error);
    ::close(lock);
  }
}

/// Not one of those that the kernel gives to outgoing connections: a server that is started again would find it taken.
std::uint16_t free_port() {
  std::random_device random;
  std::uniform_int_distribution<int> ports{10000, 32000};
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto port = static_cast<std::uint16_t>(ports(random));
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool bound = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    if (bound) return port;
  }
  return 0;
}

}  // namespace

std::string_view to_string(server_kind kind) noexcept { return kind == server_kind::mysql ? "mysql" : "mariadb"; }

std::vector<std::string> private_server::mysql_program(std::string_view program) {
  const auto root = mysql_root();
  const auto loader = first_in(root / "usr/lib64", "ld-linux").value_or(first_in(root / "usr/lib", "ld-linux").value_or(""));
  std::string libraries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{root / "usr/lib", error}) {
    if (fs::exists(entry.path() / "libc.so.6")) libraries += entry.path().string() + ":";
  }
  libraries += (root / "usr/lib").string() + ":" + (root / "usr/lib/mysql-router").string();
  return {loader, "--library-path", libraries, root / "usr" / program};
}

fs::path private_server::mysql_folder() { return mysql_root(); }
std::uint16_t private_server::unused_port() { return free_port(); }

std::string private_server::mariadb_plugins() { return fetched("BATON_MARIADB_PLUGINS", "mariadb-plugins"); }

std::optional<std::string> private_server::missing(server_kind kind) {
  if (kind == server_kind::mysql) {
    const auto root = mysql_root();
    if (fs::exists(root / "usr/sbin/mysqld")) return std::nullopt;
    return "no MySQL in " + root.string() + ": run tests/support/fetch_mysql.sh or set BATON_MYSQL_ROOT";
  }
  for (const auto* program : {"mariadbd", "mariadb-install-db", "my_print_defaults"}) {
    if (!on_path(program)) return std::string{program} + " is not installed: apt-get install mariadb-server-core mariadb-client-core";
  }
  return std::nullopt;
}

result<std::unique_ptr<private_server>> private_server::start(const options& wanted) {
  if (auto reason = missing(wanted.kind)) return failure{errc::not_found, *reason};
  auto server = std::unique_ptr<private_server>{new private_server{wanted}};
  if (auto made = server->create(); !made) return std::move(made).error();
  for (int attempt = 1;; ++attempt) {
    server->port_ = free_port();  // may be taken by another before the server has it
    auto launched = server->launch();
    if (launched) break;
    if (attempt == 3 || server->log_tail().find("Address already in use") == std::string::npos) return std::move(launched).error();
  }
  std::string sql = "CREATE DATABASE baton; CREATE USER baton@'%' IDENTIFIED BY '" + std::string{password()} +
                    "'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON baton.* TO baton@'%'";
  if (wanted.kind == server_kind::mysql) sql += "; GRANT SELECT ON performance_schema.replication_group_members TO baton@'%'";
  if (auto granted = server->exec(sql); !granted) return std::move(granted).error();
  return server;
}

private_server::~private_server() {
  kill();
  std::error_code error;
  if (!directory_.empty()) fs::remove_all(directory_, error);
  if (directory_lock_ >= 0) ::close(directory_lock_);
}

status private_server::create() {
  const auto parent = fs::path{temporary_folder()};
  sweep_abandoned(parent);
  auto name = (parent / "baton-server-run-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return failure{errc::io, os_error(name)};
  directory_ = name;
  directory_lock_ = ::open((directory_ / "owner").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (directory_lock_ < 0 || ::flock(directory_lock_, LOCK_EX | LOCK_NB) != 0) return failure{errc::io, os_error(name)};
  auto made = make_data_directory(options_.kind, directory_ / "data", log_path());
  if (!made) return failure{made.error().code, made.error().context + "\n" + log_tail()};
  return options_.tls ? make_certificate("DNS:localhost") : status{};
}

status private_server::make_certificate(const std::string& name) const {
  const auto folder = directory_ / "tls";
  std::error_code error;
  fs::create_directory(folder, error);
  // $1: the folder, $2: whom the certificate is for. Two authorities, one of which signs it.
  constexpr auto script = R"(set -e; cd "$1"; new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
for ca in ca wrong-ca; do [ -e $ca.pem ] || openssl req -x509 $new -keyout $ca.key -out $ca.pem -subj "/CN=Baton tests $ca" -days 30; done
openssl req $new -keyout server.key -out server.csr -subj "/CN=Baton tests server" -addext "subjectAltName=$2"
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -out server.pem -days 30)";
  return run_to_end({"sh", "-c", script, "sh", folder.string(), name}, log_path());
}

status private_server::show_certificate_for(const std::string& name) {
  if (auto made = make_certificate(name); !made) return made;
  const auto taken = exec(options_.kind == server_kind::mysql ? "ALTER INSTANCE RELOAD TLS" : "FLUSH SSL");
  return taken ? status{} : taken.error();
}

status private_server::launch() {
  auto command = server_command(options_.kind);
  command.insert(command.end(),
                 {"--datadir=" + (directory_ / "data").string(), "--socket=" + socket(), "--port=" + std::to_string(port_),
                  "--bind-address=127.0.0.1", "--pid-file=" + (directory_ / "pid").string(), "--tmpdir=" + directory_.string(),
                  "--innodb-buffer-pool-size=64M", "--skip-name-resolve", "--max-connections=" + std::to_string(options_.max_connections)});
  command.emplace_back(options_.binary_log ? "--log-bin=" + (directory_ / "data/binlog").string() : "--skip-log-bin");
  if (options_.binary_log) command.emplace_back("--server-id=1");
  if (options_.tls) {
    const auto file = [this](const char* name) { return (directory_ / "tls" / name).string(); };
    command.insert(command.end(), {"--ssl-ca=" + file("ca.pem"), "--ssl-cert=" + file("server.pem"), "--ssl-key=" + file("server.key")});
  }
  command.insert(command.end(), options_.extra_arguments.begin(), options_.extra_arguments.end());
  command.insert(command.begin(), options_.command_prefix.begin(), options_.command_prefix.end());
  pid_ = spawning_thread::instance().spawn(command, log_path());
  if (pid_ < 0) {
    pid_ = 0;
    return failure{errc::spawn_failed, os_error("fork")};
  }
  return await_answer();
}

status private_server::await_answer() {
  const auto deadline = std::chrono::steady_clock::now() + options_.start_timeout;
  std::string last;
  while (std::chrono::steady_clock::now() < deadline) {
    if (!running())
      return failure{errc::spawn_failed, "the private server ended while starting; end of " + log_path() + ":\n" + log_tail()};
    if (fs::exists(socket())) {
      // A table, for a Galera node answers without one before it takes part.
      auto answer = exec("SELECT COUNT(*) FROM mysql.user");
      if (answer) return {};
      last = answer.error().context;
    }
    std::this_thread::sleep_for(milliseconds{10});
  }
  kill();
  return failure{errc::store_timeout, "the private server did not answer within " + to_text(options_.start_timeout) + " (" + last +
                                          "); end of " + log_path() + ":\n" + log_tail()};
}

bool private_server::running() {
  if (pid_ == 0) return false;
  if (::waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = 0;
  return false;
}

status private_server::stop() {
  if (!running()) return {};
  disturbance::note();
  resume();
  ::kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (running()) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill();
      return failure{errc::store_timeout, "the private server did not stop within 30 s; end of " + log_path() + ":\n" + log_tail()};
    }
    std::this_thread::sleep_for(milliseconds{5});
  }
  return {};
}

void private_server::kill() {
  if (pid_ == 0) return;
  disturbance::note();
  is_suspended_ = false;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

status private_server::start_again() {
  if (running()) return {};
  std::error_code error;
  fs::remove(socket(), error);
  auto launched = launch();
  disturbance::note();
  return launched;
}

status private_server::restart() {
  if (auto stopped = stop(); !stopped) return stopped;
  return start_again();
}

void private_server::suspend() {
  if (pid_ == 0) return;
  disturbance::note();
  is_suspended_ = true;
  ::kill(pid_, SIGSTOP);
  int state = 0;  // the signal takes a moment to reach every thread
  while (::waitpid(pid_, &state, WUNTRACED) < 0 && errno == EINTR) {
  }
}

void private_server::resume() {
  if (pid_ == 0 || !is_suspended_) return;
  ::kill(pid_, SIGCONT);
  is_suspended_ = false;
  disturbance::note();
}

result<std::vector<private_server::row>> private_server::exec(const std::string& sql) {
  static const bool library_ready = mysql_library_init(0, nullptr, nullptr) == 0;
  if (!library_ready) return failure{errc::internal, "mysql_library_init failed"};
  if (sql.starts_with("KILL ") || sql.starts_with("SET GLOBAL ")) disturbance::note();
  const std::unique_ptr<MYSQL, decltype(&mysql_close)> connection{mysql_init(nullptr), &mysql_close};
  const unsigned timeout = 30;
  mysql_options(connection.get(), MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
  mysql_options(connection.get(), MYSQL_OPT_READ_TIMEOUT, &timeout);
  const auto failed = [&](errc code) { return failure{code, std::string{mysql_error(connection.get())} + " (as root: " + sql + ")"}; };
  if (mysql_real_connect(connection.get(), nullptr, "root", "", nullptr, 0, socket().c_str(), CLIENT_MULTI_STATEMENTS) == nullptr)
    return failed(errc::store_unavailable);
  if (mysql_real_query(connection.get(), sql.data(), sql.size()) != 0) return failed(errc::store_query);
  std::vector<row> rows;
  for (;;) {
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> table{mysql_store_result(connection.get()), &mysql_free_result};
    if (table) {
      rows.clear();
      while (MYSQL_ROW values = mysql_fetch_row(table.get())) {
        const auto* const lengths = mysql_fetch_lengths(table.get());
        auto& added = rows.emplace_back();
        for (unsigned i = 0; i < mysql_num_fields(table.get()); ++i)
          added.push_back(values[i] == nullptr ? std::nullopt : std::optional{std::string{values[i], lengths[i]}});
      }
    }
    if (mysql_errno(connection.get()) != 0) return failed(errc::store_query);
    const int next = mysql_next_result(connection.get());
    if (next > 0) return failed(errc::store_query);
    if (next < 0) return rows;
  }
}

std::string private_server::log_tail() const {
  std::ifstream file{log_path()};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  return text.size() > 3000 ? text.substr(text.size() - 3000) : text;
}

std::string private_server::url(std::string_view database) const {
  std::stringstream text;
  text << "mysql://" << user() << ':' << password() << "@127.0.0.1:" << port_ << '/' << database;
  return text.str();
}

std::string private_server::socket_url(std::string_view database) const {
  std::stringstream text;
  text << "mysql://" << user() << ':' << password() << "@localhost/" << database << "?socket=" << socket();
  return text.str();
}

}  // namespace baton::testing
