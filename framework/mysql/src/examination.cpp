#include "baton/mysql/examination.hpp"

#include "fitness.hpp"
#include "open.hpp"
#include "schema.hpp"

namespace baton::mysql {
namespace {

/// One endpoint, from the connection to the tables. What later looks need ends it when it is missing.
class look {
 public:
  look(const options& where, const examination_options& how, const endpoint* host, std::vector<finding>& findings)
      : where_(where),
        how_(how),
        host_(host),
        findings_(findings),
        name_(host != nullptr ? host->host + ":" + std::to_string(host->port) : where.socket) {}

  struct outcome {
    bool is_fit = true;
    bool is_reachable = false;
  };
  outcome run() {
    if (!connect()) return {false, false};
    limits_of_the_account();
    if (server()) {
      clock();
      tables();
      room_for_connections();
    }
    return {is_fit_, true};
  }

 private:
  void add(std::string_view subject, verdict v, std::string sentence) {
    if (v == verdict::unfit) is_fit_ = false;
    findings_.push_back({name_, std::string{subject}, v, std::move(sentence)});
  }
  bool add(std::string_view subject, const status& s, const std::string& good, verdict bad = verdict::unfit) {
    add(subject, s ? verdict::fit : bad, s ? good : s.error().context);
    return static_cast<bool>(s);
  }

  bool connect() {
    auto opened = connection::open(where_, host_, {"doctor", where_.lease.probe_timeout});
    if (!opened) {
      add("connection", verdict::unfit, opened.error().context);
      return false;
    }
    link_ = std::move(*opened);
    const auto* const cipher = mysql_get_ssl_cipher(link_->handle());
    const bool is_local = host_ == nullptr || host_->host == "localhost" || host_->host.starts_with("127.") || host_->host == "::1";
    if (cipher != nullptr) {
      add("connection", verdict::fit, "connected as " + where_.user + ", encrypted with " + cipher);
    } else if (is_local) {
      add("connection", verdict::fit, "connected as " + where_.user + ", on this machine");
    } else {
      add("connection", verdict::advice,
          "connected as " + where_.user +
              " without encryption: whoever is on the way can read and change what is sent; set tls.mode: verify_identity");
    }
    return true;
  }

  /// Asked before the session is set up, which lifts them for itself.
  void limits_of_the_account() {
    for (const auto* name : {"max_execution_time", "max_statement_time"}) {
      auto asked = link_->run(std::string{"SELECT @@session."} + name + "+0");
      if (!asked || !asked->front().next() || asked->front().view(0).find_first_not_of("0.") == std::string_view::npos) continue;
      add("time limits", verdict::advice,
          "sessions of this account begin with " + std::string{name} + "=" + asked->front().text(0) +
              ", which would end a wait for a lock; Baton's sessions lift it, but an adopted connection has to SET SESSION " + name +
              "=0 itself");
    }
    auto asked = link_->run("SELECT @@session.max_user_connections");
    const auto limit = asked && asked->front().next() ? asked->front().number(0) : 0;
    if (limit > 0 && limit < how_.connections)
      add("connections", verdict::unfit,
          "the account may have " + std::to_string(limit) + " connections and one program wants " + std::to_string(how_.connections) +
              "; raise max_user_connections or lower store.max_connections");
  }

  bool server() {
    auto facts = read_version(*link_);
    if (!facts) return add("version", failure{facts.error()}, "");
    if (auto read = read_variables(*link_, *facts); !read) return add("variables", read, "");
    facts_ = std::move(*facts);
    const std::string product = facts_.kind.kind == flavour::mysql ? "MySQL " : "MariaDB ";
    for (const auto& check : fitness_checks()) {
      const std::string good = check.subject == "version"      ? product + facts_.version_text
                               : check.subject == "one writer" ? "each lock has one server that grants it"
                               : check.subject == "writable"   ? "the server takes writes"
                                                               : "the binary log takes READ COMMITTED writes";
      if (!add(check.subject, check.verdict(facts_), good) && check.subject == "version") return false;
    }
    for (const auto& check : advice_checks()) {
      if (check.subject == "failover" && facts_.value("group_replication_group_name").empty()) continue;
      add(check.subject, check.verdict(facts_),
          check.subject == "durability" ? "commits that are acknowledged are kept" : "a failover serves nothing that is out of date",
          verdict::advice);
    }
    auto ready = set_up(*link_, where_.lease.wait_timeout);
    if (!ready) {
      // What is wrong with the server has been said above.
      if (is_fit_) add("session", failure{ready.error()}, "");
      return false;
    }
    add("session", verdict::fit, "named locks work, and the session is what it was set to");
    auto second = connection::open(where_, host_, {"doctor", where_.lease.probe_timeout});
    if (!second) return add("two sessions", failure{second.error()}, "");
    return add("two sessions", check_from_second_session(*link_, **second, ready->nonce), "a lock of one connection is seen by another");
  }

  void clock() {
    const auto before = where_.time->now();
    auto asked = link_->run("SELECT UTC_TIMESTAMP(6)");
    const auto after = where_.time->now();
    if (!asked || !asked->front().next()) return;
    const auto round_trip = after.steady - before.steady;
    const auto offset = before.wall + round_trip / 2 - asked->front().time(0).value_or(before.wall);
    const auto size = offset < microseconds{0} ? -offset : offset;
    const auto text = "this machine's clock is " + to_text(size) + (offset < microseconds{0} ? " behind" : " ahead of") + " the store's";
    if (size > how_.max_clock_offset) {
      add("clock", verdict::unfit, text + ", more than max_clock_offset, " + to_text(how_.max_clock_offset) + "; synchronise it (NTP)");
    } else if (size > std::chrono::seconds{1}) {
      add("clock", verdict::advice, text + "; synchronise it (NTP)");
    } else {
      add("clock", verdict::fit, text);
    }
  }

  void tables() {
    auto present = read_schema_version(*link_);
    if (!present) return void(add("tables", failure{present.error()}, ""));
    if (*present < schema_version) {
      add("tables", verdict::advice,
          "the tables in " + where_.database + " are of version " + std::to_string(*present) + " and " + std::to_string(schema_version) +
              " is needed; the first instance makes them if it may (store.migrate), else run baton migrate");
    } else {
      add("tables", verdict::fit, "the tables are current");
    }
  }

  void room_for_connections() {
    auto asked = link_->run("SHOW GLOBAL STATUS LIKE 'Threads_connected'");
    if (!asked || !asked->front().next()) return;
    const auto used = asked->front().number(1);
    const auto most = std::strtoull(facts_.value("max_connections").c_str(), nullptr, 10);
    const auto text = std::to_string(used) + " of " + std::to_string(most) + " connections of the server are in use";
    if (most > 0 && used + how_.connections > most) {
      add("connections", verdict::advice, text + ", and one program wants " + std::to_string(how_.connections) + "; raise max_connections");
    } else {
      add("connections", verdict::fit, text);
    }
  }

  const options& where_;
  const examination_options& how_;
  const endpoint* host_;
  std::vector<finding>& findings_;
  const std::string name_;
  std::unique_ptr<connection> link_;
  server_facts facts_;
  bool is_fit_ = true;
};

}  // namespace

std::string_view to_string(verdict v) noexcept {
  switch (v) {
    case verdict::fit: return "fit";
    case verdict::advice: return "advice";
    case verdict::unfit: return "unfit";
  }
  return "unknown";
}

result<examination> examine(const options& where, const examination_options& how) {
  if (auto usable = store::create(where); !usable) return std::move(usable).error();
  examination found;
  const auto add = [&](const endpoint* host) {
    const auto outcome = look{where, how, host, found.findings}.run();
    found.is_fit |= outcome.is_fit;
    found.is_reachable |= outcome.is_reachable;
  };
  if (!where.socket.empty()) add(nullptr);
  for (const auto& host : where.hosts) add(&host);
  return found;
}

}  // namespace baton::mysql
