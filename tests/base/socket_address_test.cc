#include "base/socket_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/base/loopback_socket.h"

namespace chorus {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(SocketAddress, ParsesWhatItPrints) {
  for (const char* text : {"127.0.0.1:3000", "0.0.0.0:0", "[::1]:65535"}) {
    const absl::StatusOr<SocketAddress> address = SocketAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(SocketAddress::Parse("[::1]:81")->port(), 81);
}

TEST(SocketAddress, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", "127.0.0.1", "127.0.0.1:65536", "localhost:3000", "256.0.0.1:1", "unix:/tmp/x"}) {
    const absl::Status status = SocketAddress::Parse(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("\"") + text + "\""));
  }
}

TEST(SocketAddress, ResolvesHosts) {
  const auto first = [](const std::string& host) {
    return SocketAddress::Resolve({.host = host, .port = 80});
  };
  EXPECT_EQ(first("127.0.0.1")->front().ToString(), "127.0.0.1:80");
  EXPECT_EQ(first("::1")->front().ToString(), "[::1]:80");
  const std::vector<SocketAddress> named = *first("localhost");
  for (const SocketAddress& address : named) EXPECT_EQ(address.port(), 80);
  EXPECT_TRUE(absl::IsInvalidArgument(first("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(first(std::string(70, 'x')).status()));
}

TEST(SocketAddress, SaysWhetherAServerCouldListen) {
  LoopbackSocket server;
  const SocketAddress address = *SocketAddress::Parse(server.address());
  const absl::Status taken = address.CheckFree();
  EXPECT_TRUE(absl::IsAlreadyExists(taken)) << taken;
  EXPECT_THAT(std::string(taken.message()), HasSubstr(server.address()));
  EXPECT_TRUE(absl::IsAlreadyExists(
      SocketAddress::ResolveToListen({.host = "127.0.0.1", .port = server.port()}).status()));
  server.Close();
  EXPECT_TRUE(address.CheckFree().ok());
  EXPECT_TRUE(address.CheckFree().ok());  // The check itself leaves nothing behind.
  EXPECT_TRUE(SocketAddress::Parse("127.0.0.1:0")->CheckFree().ok());
}

TEST(SocketAddress, SaysThatAnAddressIsNotOurs) {
  for (const absl::Status& status :
       {SocketAddress::Parse("192.0.2.1:80")->CheckFree(),
        SocketAddress::ResolveToListen({.host = "192.0.2.1", .port = 80}).status()}) {
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("192.0.2.1:80"), HasSubstr("not an address of this machine")));
  }
}

}  // namespace
}  // namespace chorus
