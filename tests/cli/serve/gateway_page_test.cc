#include "cli/serve/gateway_page.h"

#include <gtest/gtest.h>

#include <string>

namespace chorus {
namespace {

constexpr char kPage[] = R"(HTTP/1.1 200 OK
Content-Type: text/plain

# HELP chorus_config_reloads_total Reloads of the configuration
# TYPE chorus_config_reloads_total counter
chorus_config_reloads_total{result="error"} 2
chorus_config_reloads_total{result="ok"} 5
# TYPE chorus_config_last_reload_successful gauge
chorus_config_last_reload_successful 1
chorus_replica_state{endpoint="unix:/tmp/x/runner-1.sock",runner="gpt2"} 1
chorus_replica_state{endpoint="unix:/tmp/x/runner-2.sock",runner="gpt2"} 0
chorus_ejections_total{endpoint="unix:/tmp/x/runner-3.sock",runner="gpt2"} 0
)";

TEST(GatewayPage, CountsReloads) {
  EXPECT_EQ(NumReloads(kPage), 7);
  EXPECT_EQ(NumReloads(""), 0);
  EXPECT_EQ(NumReloads("chorus_config_reloads_total{result=\"ok\"} x\n"), 0);
}

TEST(GatewayPage, TellsWhetherTheLastOneSucceeded) {
  EXPECT_TRUE(LastReloadSucceeded(kPage));
  EXPECT_FALSE(LastReloadSucceeded("chorus_config_last_reload_successful 0\n"));
  EXPECT_FALSE(LastReloadSucceeded(""));
}

TEST(GatewayPage, TellsWhetherSomethingIsWaitedFor) {
  EXPECT_FALSE(WaitsForRunners(kPage));
  EXPECT_FALSE(
      WaitsForRunners("chorus_config_waiting 0\nchorus_endpoints_awaited{runner=\"gpt2\"} 0\n"));
  EXPECT_TRUE(WaitsForRunners("chorus_config_waiting 1\n"));
  EXPECT_TRUE(
      WaitsForRunners("chorus_endpoints_awaited{runner=\"a\"} 0\n"
                      "chorus_endpoints_awaited{runner=\"b\"} 2\n"));
}

TEST(GatewayPage, KnowsReplicasByTheirSockets) {
  EXPECT_TRUE(HasReplica(kPage, "/tmp/x/runner-1.sock"));
  EXPECT_TRUE(HasReplica(kPage, "/tmp/x/runner-2.sock"));
  EXPECT_FALSE(HasReplica(kPage, "/tmp/x/runner-3.sock"));
  EXPECT_FALSE(HasReplica(kPage, "/tmp/x/runner-"));
}

}  // namespace
}  // namespace chorus
