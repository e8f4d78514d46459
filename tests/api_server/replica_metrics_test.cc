#include "api_server/replica_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <memory>
#include <string>

#include "tests/fakes/puppet_runner_client.h"

namespace chorus::gateway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ReplicaMetricsTest, TellsOfTheReplicasThereAreBesideTheRegistry) {
  prometheus::Registry registry;
  prometheus::BuildCounter().Name("other").Register(registry).Add({}).Increment();
  const Executor::Runners runners = {{"m", std::make_shared<PuppetRunnerClient>()}};
  const ReplicaMetrics metrics(registry, runners);
  EXPECT_THAT(prometheus::TextSerializer().Serialize(metrics.Collect()),
              AllOf(HasSubstr("other 1\n"), HasSubstr("# TYPE chorus_replica_state gauge\n"),
                    HasSubstr("chorus_replica_state{endpoint=\"a:1\",runner=\"m\"} 1\n"),
                    HasSubstr("chorus_replica_state{endpoint=\"b:1\",runner=\"m\"} 0\n"),
                    HasSubstr("chorus_endpoints_awaited{runner=\"m\"} 0\n"),
                    HasSubstr("chorus_ejections_total{endpoint=\"a:1\",runner=\"m\"} 0\n"),
                    HasSubstr("chorus_retries_total{runner=\"m\"} 0\n"),
                    HasSubstr("chorus_refusals_total{runner=\"m\"} 0\n")));
}

}  // namespace
}  // namespace chorus::gateway
