// On a MYSQL* that the program already has.
#include <baton/lock/named_lock.hpp>
#include <baton/mysql/adopt.hpp>
#include <iostream>

#include "connection.hpp"

int main() {
  const auto where = connection_from_environment();
  MYSQL* const connection = mysql_init(nullptr);
  mysql_options(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const bool by_socket = !where.socket.empty();
  if (mysql_real_connect(connection, by_socket ? nullptr : where.hosts.front().host.c_str(), where.user.c_str(), where.password.c_str(),
                         where.database.c_str(), by_socket ? 0 : where.hosts.front().port, by_socket ? where.socket.c_str() : nullptr,
                         0) == nullptr) {
    std::cerr << mysql_error(connection) << "\n";
    return 1;
  }
  int code = 1;
  {
    // [adopt]
    auto session = baton::mysql::adopt(connection);
    if (!session) {
      std::cerr << session.error().context << "\n";
    } else {
      baton::lock::named_lock lock{**session, *baton::lock::key::from("example:adopted")};
      if (lock.acquire(baton::lock::blocking::no)) {
        std::cout << "held by connection " << (*session)->connection_id() << ", which is ours\n";
        code = 0;
      }
    }  // released here; the connection stays open
    // [adopt]
  }
  mysql_close(connection);
  return code;
}
