#include "api_server/protocols/served_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/api_server/front/front_fixture.h"

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(KindOf, PrefersAHealthyReplica) {
  RunnerStatus runner;
  EXPECT_EQ(KindOf(runner).task, ModelTask::kUnknown);
  runner.replicas = {{.endpoint = "a:1"},
                     {.endpoint = "b:1", .model = {.task = ModelTask::kEmbed, .version = "old"}}};
  EXPECT_EQ(KindOf(runner).version, "old");
  runner.replicas.push_back(
      {.endpoint = "c:1", .healthy = true, .model = {.task = ModelTask::kEmbed, .version = "new"}});
  EXPECT_EQ(KindOf(runner).version, "new");
}

using ServedModelsTest = FrontFixture;

TEST_F(ServedModelsTest, NamesRunnersAndGraphs) {
  EXPECT_THAT(ServedNames(executor_), ElementsAre("bert", "distilgpt2", "gpt2", "inference_graph"));
  EXPECT_THAT(RunnersOf(executor_, ModelTask::kGenerate), IsEmpty());
  gpt2_->set_model({.task = ModelTask::kGenerate});
  distilgpt2_->set_model({.task = ModelTask::kGenerate});
  EXPECT_THAT(RunnersOf(executor_, ModelTask::kGenerate), ElementsAre("distilgpt2", "gpt2"));
}

TEST_F(ServedModelsTest, TellsGraphsFromRunners) {
  EXPECT_FALSE(*IsGraph(executor_, "gpt2"));
  EXPECT_TRUE(*IsGraph(executor_, "inference_graph"));
  const absl::Status unknown = IsGraph(executor_, "gpt9").status();
  EXPECT_TRUE(absl::IsNotFound(unknown));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("there is bert, distilgpt2, gpt2, inf"));
}

}  // namespace
}  // namespace chorus::gateway
