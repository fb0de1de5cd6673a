#include "baton/observe/log.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "baton/base/result.hpp"
#include "log_lines.hpp"

namespace baton::observe {
namespace {

/// journald's socket for datagrams; closed when there is none.
class journal_socket {
 public:
  journal_socket() = default;
  explicit journal_socket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) return;
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) close();
  }
  journal_socket(const journal_socket&) = delete;
  journal_socket& operator=(const journal_socket&) = delete;
  ~journal_socket() { close(); }

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

  /// False when journald does not take it now (it restarts, or its queue is full): the stream on stderr then serves.
  [[nodiscard]] bool send(std::string_view datagram) const noexcept {
    return ::send(descriptor_, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(datagram.size());
  }

 private:
  void close() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  int descriptor_ = -1;
};

class callback_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit callback_sink(std::function<void(std::string_view)> callback) : callback_(std::move(callback)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override { callback_({message.payload.data(), message.payload.size()}); }
  void flush_() override {}

  std::function<void(std::string_view)> callback_;
};

bool is_set(const char* variable) noexcept {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

stream_facts facts_of_stderr() noexcept {
  stream_facts facts;
  if (const char* const stream = std::getenv("JOURNAL_STREAM")) facts.journal_stream = stream;
  if (struct stat found{}; ::fstat(STDERR_FILENO, &found) == 0) {
    facts.device = found.st_dev;
    facts.inode = found.st_ino;
  }
  facts.is_terminal = ::isatty(STDERR_FILENO) == 1;
  return facts;
}

spdlog::sink_ptr make_sink(std::function<void(std::string_view)> callback) {
  if (callback) return std::make_shared<callback_sink>(std::move(callback));
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern("%v");
  return sink;
}

}  // namespace

struct log::state {
  explicit state(options opts)
      : level(opts.level),
        now(std::move(opts.now)),
        on_message(std::move(opts.on_message)),
        to_sink(opts.sink != nullptr),
        format(choose_format(opts.format, to_sink ? stream_facts{} : facts_of_stderr())),
        colours(!to_sink && ::isatty(STDERR_FILENO) == 1 && !is_set("NO_COLOR") ? colouring::on : colouring::off),
        journal(format == log_format::journald && !to_sink ? opts.journal : std::string{}),
        lines("baton", make_sink(std::move(opts.sink))) {
    BATON_ASSERT(now != nullptr);
    lines.set_level(spdlog::level::trace);
    lines.set_error_handler([](const std::string&) {});  // there is no better place to complain than the one that failed
  }

  void write(const log_record& record) {
    if (format == log_format::json) return emit(to_json_line(record));
    if (format == log_format::text) return emit(to_text_line(record, colours));
    const auto datagram = to_journal_datagram(record);
    if (to_sink) return emit(datagram);
    if (journal.is_open() && journal.send(datagram)) return;
    emit(std::string{'<', syslog_priority(record.level), '>'} + to_text_line(record, colouring::off));
  }

  void emit(const std::string& line) {
    lines.log(spdlog::log_clock::time_point{}, spdlog::source_loc{}, spdlog::level::info, spdlog::string_view_t{line.data(), line.size()});
  }

  const log_level level;
  const std::function<wall_time()> now;
  const std::function<void(log_level)> on_message;
  const bool to_sink;
  const log_format format;
  const colouring colours;
  const journal_socket journal;
  spdlog::logger lines;
};

log::log(options opts) : state_(std::make_unique<state>(std::move(opts))) {}
log::~log() = default;

bool log::is_enabled(log_level level) const noexcept { return level >= state_->level; }

void log::write(log_level level, std::string_view message, std::span<const log_field> fields) noexcept {
  if (!is_enabled(level)) return;
  try {
    if (state_->on_message) state_->on_message(level);
    state_->write(make_record(state_->now(), level, message, fields));
  } catch (...) {  // out of memory, or a callback's: a message is not worth the process
  }
}

void log::debug(std::string_view message, std::initializer_list<log_field> fields) noexcept { write(log_level::debug, message, fields); }
void log::info(std::string_view message, std::initializer_list<log_field> fields) noexcept { write(log_level::info, message, fields); }
void log::warning(std::string_view message, std::initializer_list<log_field> fields) noexcept {
  write(log_level::warning, message, fields);
}
void log::error(std::string_view message, std::initializer_list<log_field> fields) noexcept { write(log_level::error, message, fields); }

}  // namespace baton::observe
