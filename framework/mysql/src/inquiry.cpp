#include "inquiry.hpp"

#include "lock_statements.hpp"

namespace baton::mysql {

result<std::optional<lock::holder>> find_holder(connection& link, flavour kind, const std::string& name) {
  std::string owner = "SELECT IS_USED_LOCK(";
  append_name(owner, name);
  owner += ")";
  const auto* const processes = kind == flavour::mysql ? "performance_schema.processlist" : "information_schema.PROCESSLIST";
  auto answers = link.run("SELECT l.id, p.USER, p.HOST, a.ATTR_VALUE FROM (" + owner + " AS id) l LEFT JOIN " + processes +
                          " p ON p.ID=l.id LEFT JOIN performance_schema.session_account_connect_attrs a"
                          " ON a.PROCESSLIST_ID=l.id AND a.ATTR_NAME='instance'");
  // What the account may not see does not keep it from the number.
  if (!answers && answers.error().code != errc::store_unavailable) answers = link.run(owner);
  if (!answers) return std::move(answers).error();
  if (answers->empty() || !answers->front().next()) return failure{errc::store_query, "IS_USED_LOCK gave no answer"};
  const auto& row = answers->front();
  if (row.is_null(0)) return std::optional<lock::holder>{};
  lock::holder found{row.number(0), {}, {}, {}};
  if (row.columns() == 4) {
    found.user = row.text(1);
    found.host = row.text(2);
    found.instance = row.text(3);
  }
  return std::optional{std::move(found)};
}

result<std::vector<std::string>> held_names(connection& link, flavour kind, std::string_view prefix) {
  std::string literal;
  append_name(literal, prefix);
  const auto below = [&](const std::string& column) { return "LEFT(" + column + ",CHAR_LENGTH(" + literal + "))=" + literal; };
  auto answers = kind == flavour::mysql
                     ? link.run(
                           "SELECT OBJECT_NAME FROM performance_schema.metadata_locks WHERE OBJECT_TYPE='USER LEVEL LOCK' AND "
                           "LOCK_STATUS='GRANTED' AND " +
                           below("OBJECT_NAME") + " ORDER BY 1")
                     : link.run("SELECT TABLE_SCHEMA FROM information_schema.METADATA_LOCK_INFO WHERE LOCK_TYPE='User lock' AND " +
                                below("TABLE_SCHEMA") + " ORDER BY 1");
  if (!answers) return std::move(answers).error();
  std::vector<std::string> names;
  for (auto& rows = answers->front(); rows.next();) names.push_back(rows.text(0));
  return names;
}

}  // namespace baton::mysql
