#include "api_server/graph_metrics.h"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

#include "tests/base/parse_proto.h"

namespace chorus::gateway {
namespace {

class GraphMetricsTest : public testing::Test {
 protected:
  bool Has(const std::string& line) const {
    return prometheus::TextSerializer().Serialize(registry_.Collect()).find(line + "\n") !=
           std::string::npos;
  }

  prometheus::Registry registry_;
  GraphMetrics metrics_{registry_, {"m"}};
};

TEST_F(GraphMetricsTest, ModelsAreThereBeforeTheirFirstToken) {
  EXPECT_TRUE(Has(R"(chorus_time_to_first_token_seconds_count{model="m"} 0)"));
  EXPECT_TRUE(Has(R"(chorus_inter_token_seconds_count{model="m"} 0)"));
}

TEST_F(GraphMetricsTest, TokensThatComeTogetherShareTheTime) {
  metrics_.OnFirstToken("m", absl::Milliseconds(250));
  metrics_.OnNextTokens("m", absl::Milliseconds(40), 4);
  EXPECT_TRUE(Has(R"(chorus_time_to_first_token_seconds_sum{model="m"} 0.25)"));
  EXPECT_TRUE(Has(R"(chorus_inter_token_seconds_count{model="m"} 4)"));
  EXPECT_TRUE(Has(R"(chorus_inter_token_seconds_bucket{model="m",le="0.005"} 0)"));
  EXPECT_TRUE(Has(R"(chorus_inter_token_seconds_bucket{model="m",le="0.01"} 4)"));
}

TEST_F(GraphMetricsTest, BoundsReachTheLongestCall) {
  prometheus::Registry registry;
  GraphMetrics metrics(registry, {"m"}, absl::Seconds(900));
  metrics.OnScored("g", "c", absl::Seconds(8));
  const std::string text = prometheus::TextSerializer().Serialize(registry.Collect());
  for (const char* name :
       {"chorus_stage_seconds_bucket{graph=\"g\",node=\"c\",stage=\"classify\",le=\"1800\"}",
        "chorus_time_to_first_token_seconds_bucket{model=\"m\",le=\"1800\"}",
        "chorus_inter_token_seconds_bucket{model=\"m\",le=\"1800\"}"}) {
    EXPECT_NE(text.find(name), std::string::npos) << name;
  }
  EXPECT_TRUE(Has(R"(chorus_inter_token_seconds_bucket{model="m",le="300"} 0)"));
}

TEST_F(GraphMetricsTest, TheGatewaysStageIsWhatTheRunnersStagesLeave) {
  metrics_.OnGenerated("g", "n",
                       ParseProto<v1::GenerationEnd>(
                           "timing { queue_seconds: 1 prefill_seconds: 2 decode_seconds: 4 }"),
                       absl::Seconds(7.5));
  metrics_.OnScored("g", "c", absl::Seconds(8));
  for (const char* line : {R"(chorus_stage_seconds_sum{graph="g",node="n",stage="queue"} 1)",
                           R"(chorus_stage_seconds_sum{graph="g",node="n",stage="prefill"} 2)",
                           R"(chorus_stage_seconds_sum{graph="g",node="n",stage="decode"} 4)",
                           R"(chorus_stage_seconds_sum{graph="g",node="n",stage="gateway"} 0.5)",
                           R"(chorus_stage_seconds_sum{graph="g",node="c",stage="classify"} 8)"}) {
    EXPECT_TRUE(Has(line)) << line;
  }
}

}  // namespace
}  // namespace chorus::gateway
