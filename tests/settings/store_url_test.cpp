#include <gtest/gtest.h>

#include <string>

#include "files.hpp"

namespace baton::settings::testing {
namespace {

class store_url : public scratch {
 protected:
  store_access good(const std::string& url) {
    const auto result = load_text(file(url));
    EXPECT_TRUE(result.value) << text_of(result);
    return result.value ? result.value->store : store_access{};
  }
  std::string bad(const std::string& url) {
    const auto result = load_text(file(url));
    EXPECT_FALSE(result.value) << url;
    return result.problems.empty() ? "" : result.problems.front().message;
  }
  static std::string file(const std::string& url) {
    return "version: 1\ncluster: a\nstore: {url: \"" + url + "\"}\njobs: {j: {plugin: noop, schedule: \"@daily\"}}\n";
  }
};

TEST_F(store_url, reads_hosts_ports_and_what_is_percent_encoded) {
  const auto one = good("mysql://ba%40ton:p%2Fw%25@db1/my%20db");
  EXPECT_EQ(one.user, "ba@ton");
  EXPECT_EQ(one.password, "p/w%");
  EXPECT_EQ(one.database, "my db");
  ASSERT_EQ(one.hosts.size(), 1U);
  EXPECT_EQ(one.hosts[0].port, 3306);

  const auto three = good("mysql://u@db1:3307,10.0.0.2,[2001:db8::1]:3308/d");
  ASSERT_EQ(three.hosts.size(), 3U);
  EXPECT_EQ(three.hosts[0].host, "db1");
  EXPECT_EQ(three.hosts[0].port, 3307);
  EXPECT_EQ(three.hosts[1].host, "10.0.0.2");
  EXPECT_EQ(three.hosts[2].host, "2001:db8::1");
  EXPECT_EQ(three.hosts[2].port, 3308);
}

TEST_F(store_url, takes_a_socket_instead_of_hosts) {
  const auto s = good("mysql://u@localhost/d?socket=/run/mysqld/mysqld.sock");
  EXPECT_TRUE(s.hosts.empty());
  EXPECT_EQ(s.socket, "/run/mysqld/mysqld.sock");
  EXPECT_EQ(good("mysql://u@/d?socket=%2Frun%2Fx").socket, "/run/x");
}

TEST_F(store_url, takes_a_directory_of_this_host) {
  EXPECT_EQ(good("local:///var/lib/baton").directory, "/var/lib/baton");
  EXPECT_EQ(good("local:///var/lib/my%20store/").directory, "/var/lib/my store");
  EXPECT_EQ(good("mysql://u@h/d").directory, "");
  EXPECT_EQ(bad("local:"), "the local store is a directory of this host, by its absolute path");
  EXPECT_EQ(bad("local://host/path"), "the local store is a directory of this host, by its absolute path");
  EXPECT_EQ(bad("local:///"), "the root directory is no place for a store");
  EXPECT_EQ(bad("local:///a?b=c"), "the local store has no parameters");
  EXPECT_EQ(bad("local:///a%zz"), "a broken %-sequence in the path");
}

TEST_F(store_url, refuses_what_it_cannot_connect_to) {
  EXPECT_EQ(bad("postgres://u@h/d"), "must begin with mysql:// or local://");
  EXPECT_EQ(bad("mysql://h/d"), "the user is missing");
  EXPECT_EQ(bad("mysql://@h/d"), "the user is missing");
  EXPECT_EQ(bad("mysql://u@h"), "the database is missing");
  EXPECT_EQ(bad("mysql://u@h/"), "the database is missing");
  EXPECT_EQ(bad("mysql://u@/d"), "the host is missing");
  EXPECT_EQ(bad("mysql://u@h,,g/d"), "the host is missing");
  EXPECT_EQ(bad("mysql://u@h:0/d"), "port 0 cannot be connected to");
  EXPECT_EQ(bad("mysql://u@h:65536/d"), "'65536' is not a port; it is a number up to 65535");
  EXPECT_EQ(bad("mysql://u@h:/d"), "'' is not a port; it is a number up to 65535");
  EXPECT_EQ(bad("mysql://u@2001:db8::1/d"), "'2001:db8::1' has several colons");
  EXPECT_EQ(bad("mysql://u@h h/d"), "'h h' is not the name or address of a host");
  EXPECT_EQ(bad("mysql://u@h/d?sokket=/x"), "unknown parameter 'sokket'");
  EXPECT_EQ(bad("mysql://u@h/d?socket=/x"), "a socket is on this host, not on 'h'");
  EXPECT_EQ(bad("mysql://u@localhost/d?socket=x"), "the socket must be an absolute path");
  EXPECT_EQ(bad("mysql://u%zz@h/d"), "a broken %-sequence in the user");
  EXPECT_EQ(bad("mysql://u%00@h/d"), "a broken %-sequence in the user");
}

}  // namespace
}  // namespace baton::settings::testing
