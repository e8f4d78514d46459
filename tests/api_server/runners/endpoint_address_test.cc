#include "api_server/runners/endpoint_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace chorus::gateway {
namespace {

TEST(CheckEndpointAddress, TakesHostAndPortOrASocket) {
  for (const std::string endpoint : {"localhost:1", "10.0.0.1:65535", "[::1]:50061",
                                     "runner.example.svc:80", "unix:/run/gpt2.sock"}) {
    EXPECT_TRUE(CheckEndpointAddress(endpoint).ok()) << endpoint;
  }
}

TEST(CheckEndpointAddress, RefusesTheRestWithItsValue) {
  for (const std::string endpoint :
       {"", "localhost", ":80", "localhost:", "localhost:0", "localhost:65536", "localhost:http",
        "localhost:-1", "http://localhost:80", "unix:", "unix:relative", "::1", "::1:50061",
        "[::1]", "[::]", "a b:1"}) {
    const absl::Status status = CheckEndpointAddress(endpoint);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << endpoint;
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(testing::StartsWith("endpoint must be host:port, with a port from 1 "
                                                   "to 65535, or unix:/path: "),
                               testing::HasSubstr("\"" + endpoint + "\"")))
        << endpoint;
  }
}

TEST(HasHostName, TellsNamesFromAddresses) {
  for (const std::string endpoint : {"localhost:1", "runner-gpt2:50061", "1.2.3:1"}) {
    EXPECT_TRUE(HasHostName(endpoint)) << endpoint;
  }
  for (const std::string endpoint : {"10.0.0.1:1", "[::1]:1", "unix:/run/gpt2.sock"}) {
    EXPECT_FALSE(HasHostName(endpoint)) << endpoint;
  }
}

TEST(ResolveEndpoint, GivesAddressesWithThePort) {
  const auto addresses = ResolveEndpoint("localhost:50061");
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_THAT(*addresses, testing::AnyOf(testing::ElementsAre("127.0.0.1:50061"),
                                         testing::ElementsAre("[::1]:50061"),
                                         testing::ElementsAre("localhost:50061")));
}

TEST(ReplicasOf, AreTheIpv4AddressesOrTheNameThatHasOneOfEach) {
  using testing::ElementsAre;
  EXPECT_THAT(ReplicasOf("a:1", {"10.0.0.2:1", "10.0.0.1:1", "10.0.0.2:1"}, {}),
              ElementsAre("10.0.0.1:1", "10.0.0.2:1"));
  EXPECT_THAT(ReplicasOf("a:1", {}, {"[::2]:1", "[::1]:1"}), ElementsAre("[::1]:1", "[::2]:1"));
  EXPECT_THAT(ReplicasOf("a:1", {"10.0.0.1:1", "10.0.0.2:1"}, {"[::1]:1", "[::2]:1"}),
              ElementsAre("10.0.0.1:1", "10.0.0.2:1"));
  EXPECT_THAT(ReplicasOf("localhost:1", {"127.0.0.1:1", "127.0.0.1:1"}, {"[::1]:1"}),
              ElementsAre("localhost:1"));
}

TEST(ResolveEndpoint, SaysWhichNameIsUnknown) {
  const absl::Status status = ResolveEndpoint("no-such-host.invalid:50061").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              testing::StartsWith("cannot resolve no-such-host.invalid: "));
}

}  // namespace
}  // namespace chorus::gateway
