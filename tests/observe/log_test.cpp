#include "baton/observe/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace baton::observe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

struct recorded {
  std::vector<std::string> lines;
  std::vector<log_level> counted;

  log::options options(log_format format, log_level level = log_level::info) {
    log::options opts;
    opts.level = level;
    opts.format = format;
    opts.now = [] { return wall_time{}; };
    opts.on_message = [this](log_level l) { counted.push_back(l); };
    opts.sink = [this](std::string_view line) { lines.emplace_back(line); };
    return opts;
  }
};

/// What `act` writes to stderr.
template <typename Act>
std::string stderr_of(Act act) {
  testing::internal::CaptureStderr();
  act();
  return testing::internal::GetCapturedStderr();
}

TEST(log, writes_what_its_level_allows_and_counts_it) {
  recorded seen;
  log lines{seen.options(log_format::text, log_level::warning)};
  lines.info("quiet");
  lines.warning("loud", {{"job", "a"}});
  lines.error("louder");
  EXPECT_THAT(seen.lines, ElementsAre("1970-01-01T00:00:00.000000Z warning loud job=a", "1970-01-01T00:00:00.000000Z error louder"));
  EXPECT_THAT(seen.counted, ElementsAre(log_level::warning, log_level::error));
  EXPECT_FALSE(lines.is_enabled(log_level::info));
  EXPECT_TRUE(lines.is_enabled(log_level::warning));
}

TEST(log, swallows_what_its_callbacks_throw) {
  recorded seen;
  auto opts = seen.options(log_format::json);
  opts.sink = [](std::string_view) { throw std::runtime_error{"full"}; };
  log lines{opts};
  lines.error("kept going");
  opts.on_message = [](log_level) { throw 1; };
  log others{opts};
  others.error("kept going");
}

TEST(log, writes_one_json_line_to_a_stderr_that_is_no_terminal) {
  const auto out = stderr_of([] {
    log::options opts;
    opts.now = [] { return wall_time{}; };
    opts.format = log_format::json;
    log{opts}.info("m", {{"k", "a\nb"}});
  });
  EXPECT_EQ(out, "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"info\",\"message\":\"m\",\"k\":\"a\\nb\"}\n");
}

TEST(log, sends_datagrams_to_the_journal) {
  const auto path = testing::TempDir() + "/baton_journal_" + std::to_string(::getpid());
  const int journal = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ::unlink(path.c_str());
  ASSERT_EQ(::bind(journal, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const auto out = stderr_of([&] {
    log::options opts;
    opts.now = [] { return wall_time{}; };
    opts.format = log_format::journald;
    opts.journal = path;
    log{opts}.error("run ended", {{"job", "a"}});
  });
  EXPECT_EQ(out, "");
  std::array<char, 4096> buffer{};
  const auto size = ::recv(journal, buffer.data(), buffer.size(), MSG_DONTWAIT);
  ASSERT_GT(size, 0);
  EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(size)),
            "MESSAGE=run ended job=a\nPRIORITY=3\nSYSLOG_IDENTIFIER=baton\nJOB_NAME=a\n");
  ::close(journal);
  ::unlink(path.c_str());
}

TEST(log, writes_text_with_priorities_where_the_journal_has_no_socket) {
  const auto out = stderr_of([] {
    log::options opts;
    opts.now = [] { return wall_time{}; };
    opts.format = log_format::journald;
    opts.journal = "/nonexistent/socket";
    log{opts}.warning("m", {{"k", "v"}});
  });
  EXPECT_EQ(out, "<4>1970-01-01T00:00:00.000000Z warning m k=v\n");
}

TEST(log, keeps_lines_whole_when_many_threads_write) {
  recorded seen;
  auto opts = seen.options(log_format::text);
  opts.on_message = nullptr;
  log lines{opts};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) lines.info("message", {{"value", std::string(100, 'x')}});
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(seen.lines.size(), 2000U);
  for (const auto& line : seen.lines) EXPECT_EQ(line, seen.lines.front());
}

}  // namespace
}  // namespace baton::observe
