#include "session.hpp"

#include <algorithm>
#include <array>
#include <stop_token>
#include <utility>

#include "server.hpp"

namespace sql_plugin {
namespace {

using namespace std::chrono_literals;
using baton::boot_time;
using baton::errc;
using baton::failure;
using baton::mysql::awaited;
using baton::mysql::connection;
using baton::sdk::run_context;

/// A server that begins to answer and then says nothing for so long is gone.
constexpr microseconds silence = 60s;
/// What is left of the lease when a statement is ended, for telling the server.
constexpr microseconds reserve = 300ms;
/// What ending a statement at the server may take.
constexpr microseconds ending = 500ms;

constexpr microseconds longest = std::chrono::hours{24};

/// Of the client library, as the store has it, and what only statements of users meet.
errc kind_of(unsigned number) {
  constexpr unsigned changed_since_read = 1020;  // MariaDB, of a row that another transaction was faster with
  return number == changed_since_read ? errc::store_busy : baton::mysql::classify(number);
}

status takes_writes(connection& link) {
  auto version = link.run("SELECT VERSION()");
  if (!version) return std::move(version).error();
  const auto kind = version->front().next() ? baton::mysql::parse_version(version->front().view(0)).kind : baton::mysql::flavour::mysql;
  auto answer = link.run("SELECT " + std::string{baton::mysql::writable_sql(kind)});
  if (!answer) return std::move(answer).error();
  if (!answer->front().next() || !answer->front().is_true(0)) return failure{errc::store_unavailable, link.where() + ": takes no writes"};
  return {};
}

/// Tells servers behind one address apart. `first`: statements to send in front.
result<std::string> name_of(connection& link, const std::string& first = {}) {
  auto answer = link.run(first + "SELECT CONCAT_WS(':', @@hostname, @@port, @@server_id)");
  if (!answer) return std::move(answer).error();
  return answer->back().next() ? answer->back().text(0) : std::string{};
}

/// The parameters of a prepared statement, which must not move while it is used.
class bindings {
 public:
  void add(std::string_view text) {
    auto& next = rows_.at(count_++);
    next.buffer_type = MYSQL_TYPE_STRING;
    next.buffer = const_cast<char*>(text.data());
    next.buffer_length = text.size();
  }
  void add(std::uint64_t& number) {
    auto& next = rows_.at(count_++);
    next.buffer_type = MYSQL_TYPE_LONGLONG;
    next.buffer = &number;
    next.is_unsigned = true;
  }
  void add_null() { rows_.at(count_++).buffer_type = MYSQL_TYPE_NULL; }
  [[nodiscard]] MYSQL_BIND* data() { return rows_.data(); }

 private:
  std::array<MYSQL_BIND, 9> rows_{};
  std::size_t count_ = 0;
};

/// A literal of DATETIME(6).
std::string datetime(baton::sdk::wall_time t) {
  auto text = baton::sdk::to_rfc3339(t);
  text[10] = ' ';
  text.pop_back();
  return text;
}

}  // namespace

result<session> session::open(baton::mysql::options where, const run_context& run) {
  std::string tried;
  const auto count = std::max<std::size_t>(1, where.hosts.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (run.stop_requested()) return failure{errc::cancelled, "stopped while connecting"};
    auto link = connection::open(where, where.hosts.empty() ? nullptr : &where.hosts[i], {"sql", silence});
    if (link && count > 1) {
      if (auto fit = takes_writes(**link); !fit) link = std::move(fit).error();
    }
    if (link) {
      session made{std::move(where), i, std::move(*link), run};
      if (auto ready = made.prepare(); !ready) return std::move(ready).error();
      return made;
    }
    if (link.error().code != errc::store_unavailable) return std::move(link).error();
    tried += (tried.empty() ? "" : "; ") + link.error().context;
  }
  return failure{errc::store_unavailable, tried};
}

/// wait_timeout: what a host that vanished had begun is rolled back soon.
status session::prepare() {
  auto name = name_of(*link_, "SET SESSION autocommit=1, time_zone='+00:00', wait_timeout=60;");
  if (!name) return std::move(name).error();
  server_ = std::move(*name);
  if (mysql_set_server_option(link_->handle(), MYSQL_OPTION_MULTI_STATEMENTS_OFF) != 0) return failed(patience::until_told);
  return set_variables();
}

status session::set_variables() {
  const auto tick = datetime(run_->tick());
  const auto deadline = run_->deadline() ? datetime(*run_->deadline()) : std::string{};
  std::uint64_t attempt = run_->attempt();
  std::uint64_t fence = run_->fence();
  bindings values;
  values.add(run_->job());
  values.add(tick);
  deadline.empty() ? values.add_null() : values.add(deadline);
  values.add(run_->run_id());
  values.add(attempt);
  values.add(fence);
  values.add(run_->instance());
  values.add(run_->cluster());
  values.add(run_->trigger());
  constexpr std::string_view sql =
      "SET @baton_job=?, @baton_tick=?, @baton_deadline=?, @baton_run_id=?, @baton_attempt=?, @baton_fence=?, @baton_instance=?,"
      " @baton_cluster=?, @baton_trigger=?";
  const std::unique_ptr<MYSQL_STMT, void (*)(MYSQL_STMT*)> statement{mysql_stmt_init(link_->handle()),
                                                                     [](MYSQL_STMT* s) { mysql_stmt_close(s); }};
  if (!statement) return failure{errc::internal, "mysql_stmt_init: out of memory"};
  if (mysql_stmt_prepare(statement.get(), sql.data(), sql.size()) != 0 || mysql_stmt_bind_param(statement.get(), values.data()) != 0 ||
      mysql_stmt_execute(statement.get()) != 0) {
    return failed(mysql_stmt_errno(statement.get()), mysql_stmt_error(statement.get()));
  }
  return {};
}

result<std::uint64_t> session::execute(std::string_view statement, patience how, std::optional<microseconds> limit) {
  const auto until = limit ? link_->now() + *limit : boot_time::max();
  if (auto why = reason_to_end(how, until)) return end_at_server(*std::move(why));
  if (auto sent = link_->send(statement); !sent) return failed(how);
  if (auto answered = wait_for_answer(how, until); !answered) return std::move(answered).error();
  return read_answer(how, until);
}

status session::wait_for_answer(patience how, boot_time until) {
  for (;;) {
    if (auto why = reason_to_end(how, until)) return end_at_server(*std::move(why));
    auto wait = std::min(run_->lease_time_left().value_or(longest) - reserve, longest);
    if (until != boot_time::max()) wait = std::min<microseconds>(wait, until - link_->now());
    const auto came = link_->await(std::max<microseconds>(wait, 1ms), how == patience::until_told ? run_->stop_descriptor() : -1);
    if (came == awaited::answered) return {};
    if (came == awaited::interrupted) return failed(how);
  }
}

/// Of rows only the number is kept. A transfer waits inside the library, where nothing but the end of the socket is heard.
result<std::uint64_t> session::read_answer(patience how, boot_time until) {
  const std::stop_callback told{how == patience::until_told ? run_->stop_token() : std::stop_token{}, [this] { link_->hang_up(); }};
  MYSQL* const handle = link_->handle();
  std::uint64_t count = 0;
  int more = mysql_read_query_result(handle) == 0 ? 0 : 1;
  for (; more == 0; more = mysql_next_result(handle)) {
    const std::unique_ptr<MYSQL_RES, void (*)(MYSQL_RES*)> rows{mysql_use_result(handle), [](MYSQL_RES* r) { mysql_free_result(r); }};
    if (rows == nullptr && mysql_errno(handle) != 0) return failed(how);
    if (rows == nullptr) count += mysql_affected_rows(handle);
    while (rows != nullptr && mysql_fetch_row(rows.get()) != nullptr) {
      ++count;
      if (auto why = reason_to_end(how, until)) return end_at_server(*std::move(why));
    }
    if (mysql_errno(handle) != 0) return failed(how);
  }
  if (more > 0) return failed(how);
  return count;
}

std::optional<failure> session::reason_to_end(patience how, boot_time until) const {
  if (how == patience::until_told && run_->stop_requested()) return failure{errc::cancelled, "stopped"};
  if (const auto left = run_->lease_time_left(); left && *left <= reserve) return failure{errc::cancelled, "stopped: the lease ends"};
  if (link_->now() >= until) return failure{errc::timed_out, "not done within its time limit"};
  return std::nullopt;
}

/// KILL on a second connection: a server that is at a statement does not notice that the first one has ended. A load balancer may lead the
/// second one elsewhere, where the number is somebody else's.
failure session::end_at_server(failure why) {
  auto second = connection::open(where_, where_.hosts.empty() ? nullptr : &where_.hosts[host_], {"sql", ending, ending});
  const auto name = second ? name_of(**second) : result<std::string>{std::string{}};
  if (second && name && *name == server_ && (*second)->run("KILL " + std::to_string(link_->id()))) {
    if (!link_->is_dead()) (void)link_->await(ending);  // until what it held is given back
  }
  link_->hang_up();
  return why;
}

failure session::failed(patience how) {
  if (how == patience::until_told && run_->stop_requested()) return end_at_server({errc::cancelled, "stopped"});
  return failed(mysql_errno(link_->handle()), mysql_error(link_->handle()));
}

failure session::failed(unsigned number, std::string_view words) {
  failure why{errc::store_unavailable, link_->where() + ": the connection has ended"};
  if (number != 0) why = {kind_of(number), "error " + std::to_string(number) + ": " + std::string{words}};
  if (why.code == errc::store_unavailable) link_->hang_up();
  return why;
}

}  // namespace sql_plugin
