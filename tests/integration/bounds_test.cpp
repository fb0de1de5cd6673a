// How long a lock can be in doubt: the bounds of the lease, measured on a holder that is killed, stopped, cut off, or whose server changes.
// Three trials each, twenty with BATON_LONG. P = R = S = 0.5 s, W = 3 s, M = 1.5 s.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <thread>

#include "baton/testing/figures.hpp"
#include "baton/testing/fleet_process.hpp"
#include "baton/testing/network_space.hpp"
#include "baton/testing/private_server.hpp"
#include "baton/testing/tcp_gate.hpp"

namespace baton::integration {
namespace {

using testing::boot_now;
using testing::child_process;
using testing::eventually;
using testing::figures;
using testing::private_server;
using testing::server_kind;
using testing::tcp_gate;
using testing::trials;
using namespace std::chrono_literals;

struct event {
  std::string who;
  boot_time at{};
  std::string what;
};

class bounds : public ::testing::TestWithParam<server_kind> {
 protected:
  void SetUp() override {
    if (const auto reason = private_server::missing(GetParam())) {
      if (std::getenv("CI") != nullptr) FAIL() << *reason;
      std::cerr << "SKIPPED: " << *reason << "\n";
      GTEST_SKIP() << "SKIPPED: " << *reason;
    }
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    private_server::options wanted;
    wanted.kind = GetParam();
    auto started = private_server::start(wanted);
    ASSERT_TRUE(started) << started.error().context;
    server_ = std::move(*started);
    const auto made = child_process::start({{BATON_PROGRAM, "migrate", "--print"}, {}, folder_ + "/schema"});
    ASSERT_TRUE(made && (*made)->await_exit(10s) == 0);
    const auto schema = server_->exec("USE baton; " + testing::read_text(folder_ + "/schema"));
    ASSERT_TRUE(schema) << schema.error().context;
  }
  void TearDown() override {
    holders_.clear();
    server_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  /// A holder that reaches the server at an address, perhaps in a network namespace.
  child_process& start(const std::string& name, std::uint16_t port, const std::string& address = "127.0.0.1",
                       std::vector<std::string> command = {}) {
    command.insert(command.end(), {BATON_LOCK_HOLDER, name, address, std::to_string(port), "bounds", journal()});
    auto started = child_process::start({command, {}, folder_ + "/" + name});
    BATON_ASSERT(started);
    holders_.push_back(std::move(*started));
    return *holders_.back();
  }
  /// The first holder holds, the second waits.
  void start_pair(std::uint16_t port_of_first, const std::string& address = "127.0.0.1", const std::vector<std::string>& prefix = {}) {
    holders_.clear();
    std::filesystem::remove(journal());
    ASSERT_TRUE(eventually([&] { return locked() == 0; }, 10s));
    first_ = &start("a", port_of_first, address, prefix);
    ASSERT_TRUE(eventually([&] { return find("a", "granted").has_value(); }, 20s)) << testing::read_text(folder_ + "/a");
    second_ = &start("b", server_->port());
    ASSERT_TRUE(eventually([&] { return waiting() == 1; }, 20s)) << testing::read_text(folder_ + "/b");
  }
  [[nodiscard]] std::string kind() const { return std::string{testing::to_string(GetParam())}; }
  [[nodiscard]] std::string journal() const { return folder_ + "/journal"; }

  [[nodiscard]] std::vector<event> events() const {
    std::vector<event> all;
    std::istringstream lines{testing::read_text(journal())};
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words{line};
      event e;
      std::int64_t at = 0;
      words >> e.who >> at >> std::ws;
      std::getline(words, e.what);
      e.at = boot_time{microseconds{at}};
      all.push_back(e);
    }
    return all;
  }
  [[nodiscard]] std::optional<event> find(const std::string& who, const std::string& what, boot_time from = {}) const {
    for (const auto& e : events()) {
      if (e.who == who && e.what.starts_with(what) && e.at >= from) return e;
    }
    return std::nullopt;
  }
  [[nodiscard]] event await(const std::string& who, const std::string& what, boot_time from, microseconds limit = 15s) const {
    EXPECT_TRUE(eventually([&] { return find(who, what, from).has_value(); }, limit)) << who << " never " << what << "\n" << logs();
    return find(who, what, from).value_or(event{});
  }
  /// The last moment in which `who` believed to hold the lock, before `until`.
  [[nodiscard]] boot_time last_belief(const std::string& who, boot_time from, boot_time until) const {
    boot_time last = from;
    for (const auto& e : events()) {
      if (e.who == who && e.what == "holds" && e.at >= from && e.at < until) last = std::max(last, e.at);
    }
    return last;
  }
  [[nodiscard]] std::string logs() const {
    std::string text;
    for (const auto& e : events()) {
      if (e.what != "holds") text += e.who + " " + std::to_string(e.at.time_since_epoch().count()) + " " + e.what + "\n";
    }
    return text;
  }
  [[nodiscard]] std::int64_t count(const std::string& sql) const {
    const auto rows = server_->exec(sql);
    return rows ? std::stoll(rows->front().front().value_or("0")) : -1;
  }
  [[nodiscard]] std::int64_t waiting() const {
    return count("SELECT COUNT(*) FROM information_schema.processlist WHERE state='User lock'");
  }
  [[nodiscard]] std::int64_t locked() const { return count("SELECT IS_USED_LOCK('bounds') IS NOT NULL"); }

  /// The second one got the lock within `takeover` of the fault, and the first one did not believe to hold it any more by then: never for
  /// longer than `overlap`.
  void expect(boot_time fault, microseconds takeover, microseconds overlap, figures& times, figures& overlaps) {
    const auto got = await("b", "granted", fault);
    const auto took = got.at - fault;
    times.add(took);
    EXPECT_LE(took, takeover) << logs();
    const auto believed = last_belief("a", fault, boot_time::max()) - got.at;
    overlaps.add(believed);
    EXPECT_LE(believed, overlap) << "both believed to hold it\n" << logs();
  }

  std::string folder_ = std::filesystem::temp_directory_path() / "baton-bounds-XXXXXX";
  std::unique_ptr<private_server> server_;
  std::vector<std::unique_ptr<child_process>> holders_;
  child_process* first_ = nullptr;
  child_process* second_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(servers, bounds, ::testing::Values(server_kind::mariadb, server_kind::mysql),
                         [](const auto& p) { return std::string{testing::to_string(p.param)}; });

TEST_P(bounds, r60_a_killed_process_is_followed_at_once) {
  figures times{"kill -9: takeover", kind()};
  figures overlaps{"kill -9: overlap (negative: gap)", kind()};
  for (int i = 0; i < trials(); ++i) {
    start_pair(server_->port());
    const auto fault = boot_now();
    first_->signal(SIGKILL);
    expect(fault, 1s, 5ms, times, overlaps);  // a sample that was being written
    if (HasFailure()) return;
  }
}

TEST_P(bounds, g6_r60_a_stopped_process_is_followed_after_w_and_knows_it_when_it_goes_on) {
  figures times{"SIGSTOP: takeover", kind()};
  figures overlaps{"SIGSTOP: overlap (negative: gap)", kind()};
  for (int i = 0; i < trials(); ++i) {
    start_pair(server_->port());
    const auto fault = boot_now();
    first_->signal(SIGSTOP);
    const auto got = await("b", "granted", fault);
    first_->signal(SIGCONT);
    const auto lost = await("a", "lost", got.at);
    EXPECT_LT(lost.at - got.at, 2s);
    expect(fault, 3s + 500ms, 0us, times, overlaps);
    if (HasFailure()) return;
  }
}

TEST_P(bounds, g5_a_killed_session_is_known_to_its_holder_within_p_and_r) {
  figures losses{"KILL: the holder knows", kind()};
  figures times{"KILL: takeover", kind()};
  figures overlaps{"KILL: overlap", kind()};
  for (int i = 0; i < trials(); ++i) {
    start_pair(server_->port());
    const auto id = count("SELECT IS_USED_LOCK('bounds')");
    const auto fault = boot_now();
    ASSERT_TRUE(server_->exec("KILL " + std::to_string(id)));
    losses.add(await("a", "lost connection", fault).at - fault);
    expect(fault, 1s, 1s, times, overlaps);  // P + R
    if (HasFailure()) return;
  }
}

TEST_P(bounds, g6_a_gate_that_swallows_bytes_costs_the_lease_before_the_server_gives_it_away) {
  tcp_gate gate{server_->port()};
  figures losses{"swallowed bytes: the holder knows", kind()};
  figures times{"swallowed bytes: takeover", kind()};
  figures overlaps{"swallowed bytes: overlap (negative: gap)", kind()};
  for (int i = 0; i < trials(); ++i) {
    gate.swallow(false);
    start_pair(gate.port());
    const auto fault = boot_now();
    gate.swallow(true);
    const auto lost = await("a", "lost", fault);
    losses.add(lost.at - fault);
    EXPECT_LE(lost.at - fault, 1500ms + 50ms) << "W - M after the last proof";
    expect(fault, 3s + 500ms, 0us, times, overlaps);
    gate.cut();
    if (HasFailure()) return;
  }
}

TEST_P(bounds, g6_a_link_that_goes_down_costs_the_lease_before_the_server_gives_it_away) {
  const auto space = testing::network_space::make();
  if (!space) GTEST_SKIP() << "SKIPPED: cannot here: no network namespaces (ip netns)";
  {
    figures losses{"link down: the holder knows", kind()};
    figures times{"link down: takeover", kind()};
    figures overlaps{"link down: overlap (negative: gap)", kind()};
    for (int i = 0; i < trials() && !HasFailure(); ++i) {
      tcp_gate gate{server_->port(), space->here()};
      start_pair(gate.port(), space->here(), space->prefix());
      const auto fault = boot_now();
      EXPECT_TRUE(space->set_link(false));
      const auto lost = await("a", "lost", fault);
      losses.add(lost.at - fault);
      EXPECT_LE(lost.at - fault, 1500ms + 100ms) << "W - M after the last proof; taking the link down takes a moment";
      expect(fault, 3s + 600ms, 0us, times, overlaps);
      EXPECT_TRUE(space->set_link(true));
    }
  }
  holders_.clear();
}

TEST_P(bounds, a_restarted_server_is_known_at_once_and_has_a_holder_again) {
  figures losses{"server restart: the holder knows", kind()};
  figures times{"server restart: held again after it is up", kind()};
  for (int i = 0; i < trials(); ++i) {
    start_pair(server_->port());
    const auto fault = boot_now();
    server_->kill();
    const auto lost = await("a", "lost", fault);
    losses.add(lost.at - fault);
    EXPECT_LE(lost.at - fault, 1s) << "P + R";
    const auto belief = last_belief("a", fault, lost.at + 1s);
    EXPECT_LE(belief, lost.at);
    const auto before = boot_now();
    ASSERT_TRUE(server_->start_again());
    const auto up = boot_now();
    ASSERT_TRUE(eventually([&] { return find("a", "granted", before) || find("b", "granted", before); }, 15s)) << logs();
    const auto a = find("a", "granted", before);
    const auto b = find("b", "granted", before);
    const auto first = std::min(a ? a->at : boot_time::max(), b ? b->at : boot_time::max());
    times.add(first - up);
    EXPECT_LE(first - up, 2s) << logs();
    if (HasFailure()) return;
  }
}

TEST_P(bounds, a_server_that_becomes_read_only_is_known_within_p_and_r) {
  figures losses{"read-only: the holder knows", kind()};
  for (int i = 0; i < trials(); ++i) {
    start_pair(server_->port());
    const auto fault = boot_now();
    ASSERT_TRUE(server_->exec("SET GLOBAL read_only=1"));
    const auto lost = await("a", "lost", fault);
    EXPECT_EQ(lost.what, "lost not_primary");
    losses.add(lost.at - fault);
    EXPECT_LE(lost.at - fault, 1s);
    EXPECT_LE(last_belief("a", fault, boot_time::max()), lost.at);
    std::this_thread::sleep_for(300ms);
    EXPECT_FALSE(find("b", "granted", fault)) << "granted by a server that takes no writes";
    ASSERT_TRUE(server_->exec("SET GLOBAL read_only=0"));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace baton::integration
