// Servers that are more than one, and what stands in front of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>

#include "baton/mysql/examination.hpp"
#include "baton/mysql/lock_client.hpp"
#include "baton/testing/fleet_process.hpp"
#include "baton/testing/mysql_router.hpp"
#include "baton/testing/private_server.hpp"

namespace baton::integration {
namespace {

using ::testing::HasSubstr;
using testing::private_server;
using testing::server_kind;
using namespace std::chrono_literals;

std::unique_ptr<private_server> start(server_kind kind, std::vector<std::string> arguments = {}) {
  private_server::options wanted;
  wanted.kind = kind;
  wanted.extra_arguments = std::move(arguments);
  auto made = private_server::start(wanted);
  EXPECT_TRUE(made) << made.error().context;
  return made ? std::move(*made) : nullptr;
}

mysql::options at(std::uint16_t port) {
  mysql::options o;
  o.user = private_server::user();
  o.password = private_server::password();
  o.database = "baton";
  o.hosts = {{"127.0.0.1", port}};
  o.lease = {500ms, 500ms, 3s, 1500ms, 500ms};
  return o;
}

TEST(topology, a_galera_node_is_refused_by_sessions_and_doctor) {
  constexpr auto provider = "/usr/lib/galera/libgalera_smm.so";
  if (!std::filesystem::exists(provider)) GTEST_SKIP() << "SKIPPED: cannot here: no " << provider << "; apt-get install galera-4";
  const auto port = std::to_string(private_server::unused_port());
  const auto node =
      start(server_kind::mariadb,
            {"--wsrep-on=ON", std::string{"--wsrep-provider="} + provider, "--wsrep-cluster-address=gcomm://", "--binlog-format=ROW",
             "--innodb-autoinc-lock-mode=2", "--wsrep-node-address=127.0.0.1",
             "--wsrep-provider-options=base_port=" + port + ";gmcast.listen_addr=tcp://127.0.0.1:" + port + ";gcache.size=8M"});
  ASSERT_TRUE(node);
  ASSERT_EQ((*node->exec("SELECT GET_LOCK('x',0)"))[0][0], "1") << "the node itself grants";
  const auto refused = (*mysql::store::create(at(node->port()))).open_lock_session();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::store_unfit);
  EXPECT_THAT(refused.error().context,
              HasSubstr("Galera cluster (wsrep_on), where each node grants the same lock; use a single-primary server"));
  const auto found = mysql::examine(at(node->port()));
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->is_fit);
}

/// MySQL Router in front of a MySQL server, with a route as it comes and one that shares server connections.
class router : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = private_server::missing(server_kind::mysql)) {
      if (std::getenv("CI") != nullptr) FAIL() << *reason;
      GTEST_SKIP() << "SKIPPED: " << *reason;
    }
    server_ = start(server_kind::mysql);
    ASSERT_TRUE(server_);
    auto started = testing::mysql_router::start(
        {{"plain", plain_, server_->port()},
         {"sharing", sharing_, server_->port(),
          "client_ssl_mode=DISABLED\nserver_ssl_mode=PREFERRED\nconnection_sharing=1\nconnection_sharing_delay=0.1\n"}});
    ASSERT_TRUE(started) << started.error().context;
    router_ = std::move(*started);
    ASSERT_TRUE(testing::eventually([this] { return (*mysql::store::create(at(plain_))).open_lock_session().has_value(); }, 20s))
        << router_->logs();
  }

  std::uint16_t plain_ = private_server::unused_port();
  std::uint16_t sharing_ = private_server::unused_port();
  std::unique_ptr<private_server> server_;
  std::unique_ptr<testing::mysql_router> router_;
};

TEST_F(router, works_as_it_comes_and_its_end_is_a_lost_lease) {
  const auto found = mysql::examine(at(plain_));
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->is_fit);
  const auto direct = *mysql::lock_client::create(at(server_->port()), {.fences = false});
  const auto routed = *mysql::lock_client::create(at(plain_), {.fences = false});
  const auto key = *lock::key::from("through the router", {lock::key_mode::portable, {}});
  auto lease = routed->acquire(key, 0s);
  ASSERT_TRUE(lease) << (lease.has_failed() ? lease.error().context : "busy");
  EXPECT_TRUE(direct->acquire(key, 0s).is_busy()) << "one server behind both ways";
  router_->terminate();
  EXPECT_TRUE(testing::eventually([&] { return lease->lost() == lock::loss::connection; }, 5s));
}

TEST_F(router, is_refused_when_it_shares_server_connections) {
  const auto refused = (*mysql::store::create(at(sharing_))).open_lock_session();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("a proxy that multiplexes is between; connect directly"));
}

}  // namespace
}  // namespace baton::integration
