#include "store_fixture.hpp"

#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <thread>

#include "baton/base/system_clock.hpp"
#include "baton/local/store.hpp"
#include "baton/mysql/store.hpp"
#include "baton/testing/memory_store.hpp"
#include "baton/testing/private_server.hpp"

namespace baton::conformance {
namespace {

using std::chrono::seconds;
using testing::private_server;
using testing::server_kind;

constexpr lock::lease_timing tight{milliseconds{500}, milliseconds{500}, seconds{3}, milliseconds{1500}, milliseconds{500}};

class memory_subject final : public subject {
 public:
  std::unique_ptr<lock::session> lock_session() override { return store_.open_lock_session(std::chrono::hours{1}); }
  std::unique_ptr<ledger::session> ledger_session() override { return store_.open_ledger_session(std::chrono::hours{1}); }
  std::vector<ledger::tick_row> rows() override { return store_.rows("t"); }
  void backdate(wall_time since) override { store_.set_effective_since("t", since); }
  void make_retries_due() override { store_.set_retries_due("t"); }
  void pause(const std::string& job) override { store_.set_paused("t", job, true); }

 private:
  system_clock clock_;
  testing::memory_store store_{clock_};
};

class local_subject final : public subject {
 public:
  local_subject() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    ok(store().migrate());
  }
  ~local_subject() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<lock::session> lock_session() override { return ok(store().open_lock_session()); }
  std::unique_ptr<ledger::session> ledger_session() override { return ok(store().open_ledger_session()); }
  std::vector<ledger::tick_row> rows() override {
    auto rows = ok(ok(store().open_control())->rows("t", {}));
    std::ranges::sort(rows, {}, &ledger::tick_row::key);
    return rows;
  }
  void backdate(wall_time since) override { sql("UPDATE baton_job SET effective_since=" + number(since)); }
  void make_retries_due() override { sql("UPDATE baton_tick SET retry_at=1 WHERE retry_at IS NOT NULL"); }
  void pause(const std::string& job) override { ok(ok(store().open_control())->set_paused("t", job, true)); }

 private:
  [[nodiscard]] local::store store() const {
    local::options where;
    where.directory = folder_ + "/store";
    return ok(local::store::create(where));
  }
  static std::string number(wall_time t) { return std::to_string(t.time_since_epoch().count()); }
  void sql(const std::string& statement) const {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open((folder_ + "/store/baton.db").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, statement.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  std::string folder_ = std::filesystem::temp_directory_path() / "baton-store-XXXXXX";
};

/// One server of each kind for the whole program.
std::map<server_kind, std::unique_ptr<private_server>>& servers() {
  static std::map<server_kind, std::unique_ptr<private_server>> all;
  return all;
}
class stop_servers final : public ::testing::Environment {
  void TearDown() override { servers().clear(); }
};
[[maybe_unused]] const auto* const registered = ::testing::AddGlobalTestEnvironment(new stop_servers);

class server_subject final : public subject {
 public:
  explicit server_subject(server_kind kind) {
    auto& held = servers()[kind];
    if (!held) {
      private_server::options wanted;
      wanted.kind = kind;
      held = ok(private_server::start(wanted));
    }
    server_ = held.get();
    ok(store().migrate());
    for (const auto* table : {"tick", "fence", "job", "instance"}) sql(std::string{"DELETE FROM baton.baton_"} + table);
  }
  std::unique_ptr<lock::session> lock_session() override { return ok(store().open_lock_session()); }
  std::unique_ptr<ledger::session> ledger_session() override { return ok(store().open_ledger_session()); }
  std::vector<ledger::tick_row> rows() override {
    std::vector<ledger::tick_row> all;
    for (const auto& row :
         sql("SELECT job,tick,kind,state,outcome,reason,fence,attempt,incarnation,error,output,cancel FROM baton.baton_tick"
             " WHERE cluster='t' ORDER BY job,tick,kind")) {
      const auto text = [&](std::size_t column) { return row[column].value_or(""); };
      const auto number = [&](std::size_t column) { return std::stoull(row[column].value_or("0")); };
      auto& made = all.emplace_back();
      made.key = {text(0), from_sql(text(1)).value_or(wall_time{}), static_cast<ledger::tick_kind>(number(2))};
      made.state = static_cast<ledger::row_state>(number(3));
      made.outcome = static_cast<ledger::run_outcome>(number(4));
      made.reason = static_cast<ledger::reason_code>(number(5));
      made.fence = number(6);
      made.attempt = static_cast<std::uint32_t>(number(7));
      made.incarnation = text(8);
      made.error = text(9);
      made.output = text(10);
      made.cancel = number(11) != 0;
    }
    return all;
  }
  void backdate(wall_time since) override { sql("UPDATE baton.baton_job SET effective_since='" + to_sql(since) + "'"); }
  void make_retries_due() override { sql("UPDATE baton.baton_tick SET retry_at='2000-01-01' WHERE retry_at IS NOT NULL"); }
  void pause(const std::string& job) override {
    sql("UPDATE baton.baton_job SET paused=1,stopped=2,last_stopped=2,stopped_from=UTC_TIMESTAMP(6) WHERE job='" + job + "'");
  }

 private:
  [[nodiscard]] mysql::store store() const {
    mysql::options where;
    where.user = private_server::user();
    where.password = private_server::password();
    where.socket = server_->socket();
    where.database = "baton";
    where.lease = tight;
    where.instance = "conformance";
    return ok(mysql::store::create(where));
  }
  std::vector<private_server::row> sql(const std::string& statement) { return ok(server_->exec(statement)); }

  private_server* server_ = nullptr;
};

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds{5});
  }
  return true;
}

std::string kind_name(const ::testing::TestParamInfo<store_kind>& info) {
  switch (info.param) {
    case store_kind::memory: return "memory";
    case store_kind::local: return "local";
    case store_kind::mariadb: return "mariadb";
    case store_kind::mysql: return "mysql";
  }
  return "unknown";
}

void every_store::SetUp() {
  if (GetParam() == store_kind::memory) {
    subject_ = std::make_unique<memory_subject>();
    return;
  }
  if (GetParam() == store_kind::local) {
    subject_ = std::make_unique<local_subject>();
    return;
  }
  const auto kind = GetParam() == store_kind::mysql ? server_kind::mysql : server_kind::mariadb;
  if (const auto reason = private_server::missing(kind)) {
    if (std::getenv("CI") != nullptr) FAIL() << *reason;
    std::cerr << "SKIPPED: " << *reason << "\n";
    GTEST_SKIP() << "SKIPPED: " << *reason;
  }
  subject_ = std::make_unique<server_subject>(kind);
}

every_store::instance::instance(subject& store, std::string incarnation_text)
    : at(store), incarnation(std::move(incarnation_text)), ledger(at.ledger_session()), locks(at.lock_session()) {
  // After a test before this one, the server may take a moment to end its connections.
  EXPECT_TRUE(eventually([&] { return ok(ledger->hold_incarnation("t", incarnation)); }));
}

void every_store::instance::register_job(const std::string& job, wall_time since) {
  (void)ok(ledger->register_jobs("t", std::vector<ledger::job_registration>{{job, name(job), "hash"}}));
  at.backdate(since);
}

ledger::claim_request every_store::instance::request(const std::string& job, std::vector<wall_time> ticks) {
  const std::vector names{name(job)};
  if (!ok(locks->owned(names))[0]) {
    EXPECT_TRUE(eventually([&] { return ok(locks->try_acquire(names))[0] == lock::try_outcome::acquired; })) << job;
  }
  return unheld_request(job, std::move(ticks));
}

ledger::claim_request every_store::instance::unheld_request(const std::string& job, std::vector<wall_time> ticks) const {
  ledger::claim_request made;
  made.cluster = "t";
  made.incarnation = incarnation;
  made.instance = "instance " + incarnation;
  made.living_owner_wait = tight.living_owner_wait();
  made.dead_owner_wait = tight.dead_owner_wait();
  made.young_session = tight.wait_timeout;
  auto& claimed = made.names.emplace_back();
  claimed.lock_name = name(job);
  claimed.lock_connection = locks->connection_id();
  claimed.held_for = seconds{60};
  claimed.lock_session_age = seconds{60};
  auto& wanted = claimed.jobs.emplace_back();
  wanted.job = job;
  if (!ticks.empty()) wanted.decided_until = ticks.front() - seconds{60};
  wanted.ticks.assign(ticks.begin(), ticks.end());
  return made;
}

ledger::name_reply every_store::instance::claim(const std::string& job, std::vector<wall_time> ticks) {
  return ok(ledger->claim(request(job, std::move(ticks)))).names.at(0);
}

ledger::finish_outcome every_store::instance::finish(const ledger::finish_record& record) {
  return ok(ledger->finish("t", std::vector{record})).at(0);
}

ledger::finish_record every_store::instance::success(const ledger::claimed_run& run) {
  ledger::finish_record record;
  record.key = run.key;
  record.fence = run.fence;
  record.outcome = ledger::run_outcome::success;
  record.started = run.claimed;
  record.finished = now();
  return record;
}

ledger::reconcile_reply every_store::instance::reconcile(wall_time since, const std::string& tzdata) {
  return ok(ledger->reconcile({"t", incarnation, "instance " + incarnation, "test", 0xffffffffffff, tzdata, since}));
}

}  // namespace baton::conformance
