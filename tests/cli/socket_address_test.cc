#include "cli/socket_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/cli/loopback_server.h"

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
       {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
        ":3000", "localhost:3000", "256.0.0.1:1", "unix:/tmp/x"}) {
    const absl::Status status = SocketAddress::Parse(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("\"") + text + "\""));
  }
}

TEST(SocketAddress, ResolvesHosts) {
  EXPECT_EQ(SocketAddress::Resolve("127.0.0.1", 80)->ToString(), "127.0.0.1:80");
  EXPECT_EQ(SocketAddress::Resolve("::1", 80)->ToString(), "[::1]:80");
  EXPECT_EQ(SocketAddress::Resolve("localhost", 80)->port(), 80);
  EXPECT_TRUE(absl::IsInvalidArgument(SocketAddress::Resolve("", 80).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SocketAddress::Resolve("300.1.1.1 x", 80).status()));
}

TEST(SocketAddress, SaysWhetherAServerCouldListen) {
  LoopbackServer server;
  const SocketAddress address = *SocketAddress::Parse(server.address());
  const absl::Status taken = address.CheckFree();
  EXPECT_TRUE(absl::IsAlreadyExists(taken)) << taken;
  EXPECT_THAT(std::string(taken.message()), HasSubstr(server.address()));
  server.Close();
  EXPECT_TRUE(address.CheckFree().ok());
  EXPECT_TRUE(address.CheckFree().ok());  // The check itself leaves nothing behind.
  EXPECT_TRUE(SocketAddress::Parse("127.0.0.1:0")->CheckFree().ok());
  EXPECT_THAT(std::string(SocketAddress::Parse("192.0.2.1:80")->CheckFree().message()),
              AllOf(HasSubstr("192.0.2.1:80"), HasSubstr("Cannot assign")));
}

}  // namespace
}  // namespace chorus
