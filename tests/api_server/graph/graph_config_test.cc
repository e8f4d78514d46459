#include "api_server/graph/graph_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/base/parse_proto.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;

TEST(GraphSpecFromConfig, KeepsSetAndUnsetApart) {
  config::v1::Graph config;
  config.set_name("g");
  config.set_output("s");
  config::v1::Node& set = *config.add_nodes();
  set.set_name("set");
  set.mutable_generate()->set_runner("r");
  set.mutable_generate()->set_input("unset");
  set.mutable_generate()->set_max_length(0);
  set.mutable_generate()->set_max_new_tokens(2);
  set.mutable_generate()->set_do_sample(false);
  set.mutable_generate()->set_temperature(0);
  set.mutable_generate()->set_top_k(0);
  set.mutable_generate()->set_top_p(0);
  set.mutable_generate()->set_min_p(0);
  set.mutable_generate()->set_repetition_penalty(2);
  set.mutable_generate()->add_stop("END");
  config::v1::Node& unset = *config.add_nodes();
  unset.set_name("unset");
  unset.mutable_generate();
  config::v1::Node& score = *config.add_nodes();
  score.set_name("s");
  score.mutable_classify()->set_runner("b");
  score.mutable_classify()->add_inputs("set");
  config.add_nodes()->set_name("kindless");

  const GraphSpec spec = GraphSpecFromConfig(config);
  EXPECT_EQ(spec.name, "g");
  EXPECT_EQ(spec.output, "s");
  ASSERT_EQ(spec.nodes.size(), 4u);
  const auto& a = std::get<GraphSpec::Generate>(spec.nodes[0].kind);
  EXPECT_EQ(spec.nodes[0].name, "set");
  EXPECT_EQ(a.runner, "r");
  EXPECT_EQ(a.input, "unset");
  EXPECT_EQ(a.defaults.SerializeAsString(),
            ParseProto<v1::GenerationParams>(
                "max_length: 0 max_new_tokens: 2 do_sample: false temperature: 0 top_k: 0 top_p: 0 "
                "min_p: 0 repetition_penalty: 2 stop: 'END'")
                .SerializeAsString());
  const auto& b = std::get<GraphSpec::Generate>(spec.nodes[1].kind);
  EXPECT_EQ(b.input, "");
  EXPECT_EQ(b.defaults.ByteSizeLong(), 0u);
  const auto& s = std::get<GraphSpec::Classify>(spec.nodes[2].kind);
  EXPECT_EQ(s.runner, "b");
  EXPECT_THAT(s.inputs, ElementsAre("set"));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(spec.nodes[3].kind));
}

}  // namespace
}  // namespace chorus
