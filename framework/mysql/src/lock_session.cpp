#include "lock_session.hpp"

namespace baton::mysql {
namespace {

/// (((a+b)+(c+d))+…): as deep as the logarithm of the count; a plain chain of 512 additions overflows MariaDB's stack check.
void append_sum(std::string& sql, connection& link, std::span<const std::string> names) {
  if (names.size() == 1) {
    sql += "COALESCE(IS_USED_LOCK(";
    link.append_quoted(sql, names.front());
    sql += ")=CONNECTION_ID(),0)";
    return;
  }
  const auto half = names.size() / 2;
  sql += '(';
  append_sum(sql, link, names.first(half));
  sql += '+';
  append_sum(sql, link, names.subspan(half));
  sql += ')';
}

}  // namespace

result<result_set> lock_session::ask(std::span<const std::string> names, std::string_view before, std::string_view after) {
  std::string sql = "SELECT ";
  for (const auto& name : names) {
    if (&name != &names.front()) sql += ',';
    sql += before;
    link_->append_quoted(sql, name);
    sql += after;
  }
  auto answered = link_->run(sql);
  if (!answered) return std::move(answered).error();
  auto row = std::move(answered->front());
  if (!row.next() || row.columns() != names.size()) return failure{errc::store_query, "the server answered another question than " + sql};
  return row;
}

result<std::vector<lock::try_outcome>> lock_session::try_acquire(std::span<const std::string> names) {
  std::vector<lock::try_outcome> outcomes;
  if (names.empty()) return outcomes;
  auto row = ask(names, "GET_LOCK(", ",0)");
  if (!row) return std::move(row).error();
  for (unsigned i = 0; i < names.size(); ++i) {
    // MariaDB says NULL where MySQL raises an error: killed, out of memory, a name it does not take.
    if (row->is_null(i)) return failure{errc::interrupted, "GET_LOCK of " + names[i] + " ended without an answer (NULL)"};
    outcomes.push_back(row->is_true(i) ? lock::try_outcome::acquired : lock::try_outcome::busy);
  }
  return outcomes;
}

result<std::vector<bool>> lock_session::owned(std::span<const std::string> names) {
  std::vector<bool> held;
  if (names.empty()) return held;
  auto row = ask(names, "COALESCE(IS_USED_LOCK(", ")=CONNECTION_ID(),0)");
  if (!row) return std::move(row).error();
  for (unsigned i = 0; i < names.size(); ++i) held.push_back(row->is_true(i));
  return held;
}

result<std::vector<lock::release_outcome>> lock_session::release(std::span<const std::string> names) {
  std::vector<lock::release_outcome> outcomes;
  if (names.empty()) return outcomes;
  auto row = ask(names, "RELEASE_LOCK(", ")");
  if (!row) return std::move(row).error();
  for (unsigned i = 0; i < names.size(); ++i)
    outcomes.push_back(row->is_true(i) ? lock::release_outcome::released : lock::release_outcome::not_held);
  return outcomes;
}

result<lock::probe_reply> lock_session::probe(std::span<const std::string> names) {
  std::string sql = "SELECT " + std::string{uuid_sql(server_.kind)} + "," + std::string{writable_sql(server_.kind)} + "," +
                    std::string{quorum_sql(server_)} + ",COALESCE(@baton_session='" + server_.nonce + "',0),";
  if (names.empty()) {
    sql += '0';
  } else {
    append_sum(sql, *link_, names);
  }
  auto answered = link_->run(sql);
  if (!answered) return std::move(answered).error();
  auto& row = answered->front();
  if (!row.next()) return failure{errc::store_query, "the server answered another question than the probe"};

  lock::probe_reply reply;
  reply.identity = {row.text(0), server_.identity.started};
  reply.writable = row.is_true(1);
  reply.quorum = row.is_true(2);
  // Our mark is gone: the session behind this connection is not the one that took the locks.
  if (!row.is_true(3)) reply.identity.started = 0;
  if (row.number(4) == names.size()) return reply;
  auto held = owned(names);
  if (!held) return std::move(held).error();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!(*held)[i]) reply.lost.push_back(names[i]);
  }
  return reply;
}

}  // namespace baton::mysql
