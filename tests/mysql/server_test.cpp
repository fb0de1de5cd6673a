#include "server.hpp"

#include <gtest/gtest.h>

namespace baton::mysql {
namespace {

std::string read(const char* text) {
  const auto v = parse_version(text);
  return std::string{v.kind == flavour::mysql ? "mysql " : "mariadb "} + std::to_string(v.major) + "." + std::to_string(v.minor) + "." +
         std::to_string(v.patch);
}

TEST(parse_version, reads_what_servers_say_of_themselves) {
  EXPECT_EQ(read("8.0.41"), "mysql 8.0.41");
  EXPECT_EQ(read("9.7.4-2"), "mysql 9.7.4");
  EXPECT_EQ(read("8.0.mysql_aurora.3.08.2"), "mysql 8.0.0");
  EXPECT_EQ(read("10.11.19-MariaDB-0+deb12u1"), "mariadb 10.11.19");
  EXPECT_EQ(read("5.5.5-10.6.4-MariaDB"), "mariadb 10.6.4");
  EXPECT_EQ(read("nonsense"), "mysql 0.0.0");
}

TEST(classify, tells_apart_what_a_caller_must_do) {
  EXPECT_EQ(classify(2013), errc::store_unavailable);
  EXPECT_EQ(classify(4031), errc::store_unavailable);
  EXPECT_EQ(classify(1205), errc::store_busy);
  EXPECT_EQ(classify(1213), errc::store_busy);
  EXPECT_EQ(classify(3058), errc::deadlock);
  EXPECT_EQ(classify(1317), errc::interrupted);
  EXPECT_EQ(classify(1290), errc::store_unfit);
  EXPECT_EQ(classify(1146), errc::schema_outdated);
  EXPECT_EQ(classify(1045), errc::access_denied);
  EXPECT_EQ(classify(1064), errc::store_query);
}

}  // namespace
}  // namespace baton::mysql
