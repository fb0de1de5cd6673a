#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "baton/mysql/guard.hpp"
#include "baton/sdk/plugin.hpp"

#include "session.hpp"
#include "store_url.hpp"

namespace {

using baton::errc;
using baton::failure;
using baton::microseconds;
using baton::result;
using baton::sdk::outcome;
using baton::sdk::run_context;
using baton::sdk::text_list;
using sql_plugin::patience;
using sql_plugin::session;

baton::mysql::tls_mode tls_mode_of(std::string_view name) {
  using enum baton::mysql::tls_mode;
  if (name == "required") return required;
  if (name == "verify_ca") return verify_ca;
  if (name == "verify_identity") return verify_identity;
  return disabled;
}

failure wrong(std::string what) { return {errc::invalid_argument, std::move(what)}; }

result<baton::mysql::options> server_at(std::string_view url, std::string_view password, std::string_view tls, std::string_view tls_ca) {
  auto parsed = baton::settings::parse_store_url(url);
  if (const auto* error = std::get_if<baton::settings::url_error>(&parsed))
    return wrong("url " + error->message + (error->hint.empty() ? "" : ": " + error->hint));
  auto& [address, has_password] = std::get<baton::settings::store_address>(parsed);
  if (has_password) return wrong("url holds a password: move it to `password`, as {credential: NAME} or {file: PATH}");
  if (!address.directory.empty()) return wrong("url must begin with mysql://");
  baton::mysql::options where;
  where.user = address.user;
  where.password = password;
  for (const auto& host : address.hosts) where.hosts.push_back({host.host, host.port});
  where.socket = address.socket;
  where.database = address.database;
  where.tls = tls_mode_of(tls);
  where.tls_ca = tls_ca;
  if (where.tls >= baton::mysql::tls_mode::verify_ca && where.tls_ca.empty()) return wrong("tls: " + std::string{tls} + " needs tls_ca");
  if (auto compared = baton::mysql::can_compare_names(where); !compared) return std::move(compared).error();
  return where;
}

/// Where the job's statements go.
result<baton::mysql::options> server_of(const run_context& run) {
  auto where = server_at(run.text("url"), run.text("password"), run.text("tls"), run.text("tls_ca"));
  if (run.text("url").empty()) {
    const auto store = run.store();
    if (!store) return wrong("the scheduler's store is not a server: name one with `url`");
    where = server_at(store->url, store->password, store->tls_mode, store->tls_ca);
  }
  if (where) where->instance = run.instance();
  return where;
}

/// What is wrong between parameters, which their table cannot say.
std::optional<std::string> contradiction(const run_context& run) {
  if (run.list("statements").empty()) return "statements is empty: write at least one";
  const bool has_url = !run.text("url").empty();
  if (run.flag("guard") && has_url) return "guard is for the store, where the fences are: remove `guard` or `url`";
  if (run.flag("guard") && !run.flag("transaction"))
    return "guard needs `transaction: true`: what is committed one by one cannot be held back";
  if (!has_url && (!run.text("password").empty() || !run.text("tls_ca").empty()))
    return "password and tls_ca go with `url`; the store has its own";
  return std::nullopt;
}

outcome outcome_of(const failure& why, const std::string& text) {
  switch (why.code) {
    case errc::cancelled: return outcome::cancelled(text);
    case errc::store_unavailable:
    case errc::store_busy:
    case errc::interrupted: return outcome::retry_later(text);
    default: return outcome::failure(text);
  }
}

std::string counted(std::uint64_t count, const std::string& thing) { return std::to_string(count) + " " + thing + (count == 1 ? "" : "s"); }

/// The statements of one run, on one session.
class work {
 public:
  work(run_context& run, session& on) : run_{run}, session_{on}, statements_{run.list("statements")}, is_one_{run.flag("transaction")} {
    if (const auto limit = run.duration("statement_timeout"); limit > microseconds{0}) limit_ = limit;
  }

  outcome carry_out() {
    if (is_one_) {
      if (auto begun = session_.execute("START TRANSACTION"); !begun) return undone(begun.error(), "START TRANSACTION");
    }
    for (const auto& statement : statements_) {
      ++number_;
      const auto name = "statement " + std::to_string(number_) + " of " + std::to_string(statements_.size());
      const auto begin = std::chrono::steady_clock::now();
      const auto rows = session_.execute(statement, patience::until_told, limit_);
      if (!rows) return undone(rows.error(), name);
      rows_ += *rows;
      const auto took = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin);
      run_.log().info("statement done", {{"statement", number_}, {"rows", *rows}, {"duration", took}});
      if (auto lost = look_for_commit(name)) return *std::move(lost);
    }
    if (is_one_) return commit();
    return outcome::success(summary());
  }

 private:
  /// A statement may end the transaction by itself, as CREATE TABLE does.
  std::optional<outcome> look_for_commit(const std::string& name) {
    if (!is_one_ || session_.is_in_transaction()) return std::nullopt;
    if (run_.flag("guard"))
      return outcome::failure(name + " ended the transaction, as DDL does: it and what came before it were committed without the guard");
    if (!is_broken_)
      run_.log().warning("the statement ended the transaction; from here on each is committed by itself", {{"statement", number_}});
    is_broken_ = true;
    return std::nullopt;
  }

  outcome commit() {
    if (run_.flag("guard")) {
      if (auto refused = check_fence()) return *std::move(refused);
    }
    if (run_.stop_requested()) return undone({errc::cancelled, "stopped"}, "COMMIT");
    // Cut off in the middle, nobody would know how it ended.
    if (auto done = session_.execute("COMMIT", patience::to_the_end); !done) {
      if (session_.is_usable()) return undone(done.error(), "COMMIT");
      return outcome::failure("COMMIT: " + done.error().context + "; whether it was committed is not known");
    }
    return outcome::success(summary());
  }

  /// The row stays locked until the end of the transaction. Nobody takes a later fence meanwhile, so that what is written here is
  /// written before the next holder begins; and asked last, the row is locked for as long as a COMMIT takes.
  std::optional<outcome> check_fence() {
    const baton::mysql::guard guard{run_.store().value().lock_name, run_.fence()};
    const auto current = session_.execute(guard.lock_statement());
    if (!current) return undone(current.error(), "guard");
    if (*current != 0) return std::nullopt;
    return undone({errc::stale_fence, "another run has taken the lock, and a later fence"}, "guard");
  }

  outcome undone(const failure& why, const std::string& at) {
    auto text = at + ": " + why.context;
    if (is_one_ && session_.is_usable()) (void)session_.execute("ROLLBACK");
    if (is_one_ && !is_broken_) {
      text += "; nothing was committed";
    } else if (number_ > 1) {
      text += "; the statements before it stand";
    }
    return outcome_of(why, text);
  }

  [[nodiscard]] std::string summary() const { return counted(statements_.size(), "statement") + ", " + counted(rows_, "row"); }

  run_context& run_;
  session& session_;
  text_list statements_;
  bool is_one_;             ///< one transaction
  bool is_broken_ = false;  ///< it was, and a statement ended it
  std::optional<microseconds> limit_;
  std::size_t number_ = 0;
  std::uint64_t rows_ = 0;
};

/// Statements on the scheduler's store, or another server.
struct sql : baton::sdk::handler {
  static constexpr baton::sdk::params parameters{
      baton::sdk::required<text_list>("statements", "what to run, in this order; an item is one statement"),
      baton::sdk::param<std::string>("url", "", "another server, as in store.url and without a password; empty: the scheduler's store"),
      baton::sdk::param<std::string>("password", "", "for `url`").secret(),
      baton::sdk::param<std::string>("tls", "disabled", "for `url`, as store.tls.mode")
          .one_of("disabled", "required", "verify_ca", "verify_identity"),
      baton::sdk::param<std::string>("tls_ca", "", "for `url`, as store.tls.ca: a PEM file"),
      baton::sdk::param<bool>("transaction", true, "all statements in one transaction; false: each is committed by itself"),
      baton::sdk::param<bool>("guard", false, "on the store only: commit only while no other run has taken the lock"),
      baton::sdk::param<microseconds>("statement_timeout", microseconds{0},
                                      "the longest that one statement may take; 0s: no limit of its own"),
  };
  static constexpr bool uses_store = true;

  outcome run(run_context& run) override {
    if (auto why = contradiction(run)) return outcome::failure(*std::move(why));
    auto where = server_of(run);
    if (!where) return outcome::failure(where.error().context);
    auto on = session::open(std::move(*where), run);
    if (!on) return outcome_of(on.error(), on.error().context);
    return work{run, *on}.carry_out();
  }
};

}  // namespace

BATON_PLUGIN(sql, "sql", "1.0.0")
