#pragma once

// The front over the real executor, with puppets for the runners of the tutorial's graph.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "api_server/front/admission.h"
#include "api_server/front/inference_handler.h"
#include "api_server/front/request_metrics.h"
#include "api_server/graph/executor.h"
#include "tests/base/parse_proto.h"
#include "tests/fakes/puppet_runner_client.h"

namespace chorus::gateway {

// The graph has two generators, "gpt2" and "distilgpt2", and the classifier "bert".
class FrontFixture : public testing::Test {
 protected:
  static constexpr size_t kMaxInProgress = 4;

  static Executor::Graphs TutorialGraph() {
    auto graph = Graph::Create(ParseProto<config::v1::Graph>(R"pb(
                                 name: "inference_graph"
                                 nodes {
                                   name: "a"
                                   generate { runner: "gpt2" }
                                 }
                                 nodes {
                                   name: "b"
                                   generate { runner: "distilgpt2" }
                                 }
                                 nodes {
                                   name: "score"
                                   classify {
                                     runner: "bert"
                                     inputs: [ "a", "b" ]
                                   }
                                 }
                                 output: "score")pb"),
                               {"gpt2", "distilgpt2", "bert"});
    EXPECT_TRUE(graph.ok()) << graph.status();
    return {*std::move(graph)};
  }

  // Answers a graph run that has begun: " one" with 0.9, " two" with 0.2.
  void FinishGraph() {
    gpt2_->TakeGenerate().Finish(" one", v1::FINISH_REASON_LENGTH);
    bert_->TakeClassify().Finish(0.9);
    distilgpt2_->TakeGenerate().Finish(" two");
    bert_->TakeClassify().Finish(0.2);
  }

  std::shared_ptr<PuppetRunnerClient> gpt2_ = std::make_shared<PuppetRunnerClient>();
  std::shared_ptr<PuppetRunnerClient> distilgpt2_ = std::make_shared<PuppetRunnerClient>();
  std::shared_ptr<PuppetRunnerClient> bert_ = std::make_shared<PuppetRunnerClient>();
  prometheus::Registry registry_;
  RequestMetrics metrics_{registry_, "inference_graph", "test"};
  Admission admission_{kMaxInProgress};
  Executor executor_{TutorialGraph(),
                     {{"gpt2", gpt2_}, {"distilgpt2", distilgpt2_}, {"bert", bert_}}};
  InferenceHandler handler_{executor_, admission_, metrics_};
};

}  // namespace chorus::gateway
