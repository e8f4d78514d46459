#include "api_server/runners/endpoint_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace chorus {
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
        "localhost:-1", "http://localhost:80", "unix:", "unix:relative"}) {
    EXPECT_EQ(CheckEndpointAddress(endpoint),
              absl::InvalidArgumentError(absl::StrCat(
                  "endpoint must be host:port, with a port from 1 to 65535, or unix:/path: \"",
                  endpoint, "\"")))
        << endpoint;
  }
}

}  // namespace
}  // namespace chorus
