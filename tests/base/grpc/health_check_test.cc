#include "base/grpc/health_check.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/fakes/fake_runner.h"

namespace chorus {
namespace {

TEST(HealthCheck, TellsHowAServerIs) {
  const auto runner = FakeRunner::Start({});
  ASSERT_TRUE(runner.ok()) << runner.status();
  EXPECT_TRUE(CheckHealth((*runner)->address(), absl::Seconds(10)).ok());
  (*runner)->SetServing(false);
  EXPECT_EQ(CheckHealth((*runner)->address(), absl::Seconds(10)).code(),
            absl::StatusCode::kUnavailable);
}

TEST(HealthCheck, NeverGoesThroughAProxy) {
  const auto runner = FakeRunner::Start({});
  ASSERT_TRUE(runner.ok()) << runner.status();
  for (const char* name : {"http_proxy", "grpc_proxy", "https_proxy", "all_proxy"}) {
    setenv(name, "http://127.0.0.1:1", 1);  // Where nobody listens.
  }
  EXPECT_TRUE(CheckHealth((*runner)->address(), absl::Seconds(10)).ok());
}

}  // namespace
}  // namespace chorus
