#include "host_check.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace baton::admin {
namespace {

const std::vector<std::string> names{"db1", "baton.example.com", ""};

TEST(host_check, accepts_addresses_localhost_and_known_names) {
  for (const auto* host : {"127.0.0.1", "127.0.0.1:9687", "10.1.2.3:80", "localhost", "LocalHost:9687", "[::1]", "[::1]:9687",
                           "[fe80::1]:1", "db1", "DB1:9687", "baton.example.com:9687", "127.0.0.1:"}) {
    EXPECT_TRUE(is_acceptable_host(host, names)) << host;
  }
}

TEST(host_check, refuses_names_that_only_look_like_accepted_ones) {
  for (const auto* host : {"",
                           ":",
                           ":9687",
                           "127.evil.com",
                           "127.0.0.1.evil.com",
                           "127.0.0.1:80.evil.com",
                           "localhost.evil.com",
                           "evil.com",
                           "db1.evil.com",
                           "evil.com:9687",
                           "db",
                           "127.1",
                           "0x7f.0.0.1",
                           "2130706433",
                           "::1",
                           "[::1",
                           "[::1].evil.com",
                           "[evil]",
                           "[127.0.0.1]",
                           "localhost:123456",
                           "localhost:-1",
                           "127.0.0.1 ",
                           "user@127.0.0.1"}) {
    EXPECT_FALSE(is_acceptable_host(host, names)) << host;
  }
  EXPECT_FALSE(is_acceptable_host(std::string_view{"127.0.0.1\0.evil.com", 19}, names));
}

}  // namespace
}  // namespace baton::admin
