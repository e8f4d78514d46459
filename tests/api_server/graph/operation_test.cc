#include "api_server/graph/operation.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error_details.h"
#include "tests/base/parse_proto.h"
#include "tests/fakes/puppet_runner_client.h"

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

NodeSpec Read(const std::string& node) { return ReadNode(ParseProto<config::v1::Node>(node)); }

// A call of an operation, on a text of its own.
struct Calling {
  PuppetRunnerClient runner;
  RunRequest run;
  GraphResult text;
  absl::Status status = absl::UnknownError("not done");

  OperationCall Call() {
    return {.runner = runner,
            .context = {},
            .run = run,
            .text = text,
            .done = [this](absl::Status end) { status = std::move(end); }};
  }
};

TEST(ReadNode, KnowsEveryKindOfTheSchema) {
  const auto* kinds = config::v1::Node::descriptor()->FindOneofByName("kind");
  std::vector<std::string> names;
  for (int i = 0; i < kinds->field_count(); ++i) {
    names.push_back(kinds->field(i)->name());
    const NodeSpec node = Read(absl::StrCat(names.back(), " { runner: 'r' }"));
    EXPECT_EQ(node.kind, names.back());
    EXPECT_EQ(node.runner, "r");
    EXPECT_NE(node.operation, nullptr);
  }
  EXPECT_EQ(NodeKinds(), names);
}

TEST(ReadNode, ReadsWhatANodeTakes) {
  const NodeSpec one = Read("name: 'a' generate { input: 'b' }");
  EXPECT_EQ(one.name, "a");
  EXPECT_EQ(one.input_field, "input");
  EXPECT_THAT(one.inputs, ElementsAre("b"));
  EXPECT_THAT(Read("generate {}").inputs, IsEmpty());
  const NodeSpec several = Read("classify { inputs: ['b', 'a'] }");
  EXPECT_EQ(several.input_field, "inputs");
  EXPECT_THAT(several.inputs, ElementsAre("b", "a"));
  EXPECT_EQ(Read("name: 'a'").operation, nullptr);
}

TEST(GenerateOperation, AsksForWhatTheNodeAndTheRunSay) {
  const NodeSpec node = Read(
      "generate { runner: 'r' max_length: 7 max_new_tokens: 3 do_sample: false temperature: 0.5 "
      "top_k: 0 top_p: 0.25 min_p: 0.125 repetition_penalty: 1.5 stop: 'END' }");
  Calling calling;
  calling.run.params = ParseProto<v1::GenerationParams>("temperature: 2 seed: 9");
  calling.text.generated = "Once";
  OperationCall call = calling.Call();
  call.branch = 1;
  call.sequence = 2;
  call.underway = true;
  call.finish_within = absl::Seconds(4);
  node.operation->Start(std::move(call));
  auto generate = calling.runner.TakeGenerate();
  EXPECT_EQ(generate.request.SerializeAsString(), ParseProto<runner::v1::GenerateRequest>(R"pb(
                                                    text: "Once"
                                                    finish_within_seconds: 4
                                                    underway: true
                                                    params {
                                                      max_length: 7
                                                      max_new_tokens: 3
                                                      do_sample: false
                                                      temperature: 2
                                                      top_k: 0
                                                      top_p: 0.25
                                                      seed: 9
                                                      min_p: 0.125
                                                      repetition_penalty: 1.5
                                                      stop: "END"
                                                    }
                                                    branch: 1
                                                    sequence: 2)pb")
                                                      .SerializeAsString());
  generate.Finish("", v1::FINISH_REASON_LENGTH);
  EXPECT_TRUE(calling.status.ok());
  EXPECT_EQ(calling.text.end.reason(), v1::FINISH_REASON_LENGTH);
}

TEST(GenerateOperation, AsksForRoomForWhatTheNodeAndTheRunSay) {
  const NodeSpec node = Read("generate { runner: 'r' max_new_tokens: 3 top_k: 5 }");
  Calling calling;
  calling.run.text = "Once";
  calling.run.params = ParseProto<v1::GenerationParams>("max_new_tokens: 9");
  EXPECT_TRUE(node.operation->CheckRoom(calling.runner, calling.run).ok());
  ASSERT_EQ(calling.runner.room_asked_for().size(), 1u);
  const auto& [prompt_bytes, params] = calling.runner.room_asked_for()[0];
  EXPECT_EQ(prompt_bytes, 4u);
  EXPECT_EQ(params.ShortDebugString(), "max_new_tokens: 9 top_k: 5");
  calling.runner.set_room(absl::ResourceExhaustedError("full"));
  EXPECT_EQ(node.operation->CheckRoom(calling.runner, calling.run),
            absl::ResourceExhaustedError("full"));
}

TEST(GenerateOperation, LeavesUnsetWhatNobodySays) {
  Calling calling;
  Read("generate { runner: 'r' }").operation->Start(calling.Call());
  auto generate = calling.runner.TakeGenerate();
  EXPECT_EQ(generate.params().ByteSizeLong(), 0u);
  generate.Fail(absl::UnavailableError("gone"));
  EXPECT_EQ(calling.status, absl::UnavailableError("gone"));
}

TEST(GenerateOperation, MakesSeveralTextsOnlyWhereItSamples) {
  struct Case {
    std::string node, params;
    bool ok;
    std::string model = "";  // Its defaults.
  };
  for (const Case& c :
       std::vector<Case>{{"", "num_return_sequences: 2", true},
                         {"do_sample: false", "num_return_sequences: 1", true},
                         {"do_sample: false", "num_return_sequences: 2", false},
                         {"temperature: 0", "num_return_sequences: 2", false},
                         {"do_sample: false", "num_return_sequences: 2 do_sample: true", true},
                         {"", "num_return_sequences: 2 temperature: 0", false},
                         {"", "num_return_sequences: 2", false, "do_sample: false"},
                         {"", "num_return_sequences: 1", true, "do_sample: false"},
                         {"", "num_return_sequences: 2 do_sample: true", true, "do_sample: false"},
                         {"do_sample: true", "num_return_sequences: 2", true, "do_sample: false"},
                         {"", "num_return_sequences: 2", true, "top_k: 5"}}) {
    PuppetRunnerClient runner;
    runner.set_model(
        {.task = ModelTask::kGenerate, .defaults = ParseProto<v1::GenerationParams>(c.model)});
    const NodeSpec node = Read("generate { " + c.node + " }");
    const absl::Status status = node.operation->CheckRun(
        runner, {.params = ParseProto<v1::GenerationParams>(c.params)}, "n");
    EXPECT_EQ(status, c.ok ? absl::OkStatus()
                           : FieldError("num_return_sequences",
                                        "must be 1 where do_sample is false or temperature 0, as "
                                        "of n: all texts would be the same: 2"))
        << c.node << " " << c.params << " " << c.model;
  }
}

TEST(ClassifyOperation, AsksForAScoreOfTheText) {
  Calling calling;
  calling.run = {.params = ParseProto<v1::GenerationParams>("split_special_tokens: true"),
                 .truncate = false};
  calling.text.generated = "good";
  OperationCall call = calling.Call();
  call.underway = true;
  Read("classify { runner: 'r' inputs: 'a' }").operation->Start(std::move(call));
  auto classify = calling.runner.TakeClassify();
  EXPECT_EQ(classify.request.SerializeAsString(),
            ParseProto<runner::v1::ClassifyRequest>(
                "texts: 'good' refuse_truncation: true split_special_tokens: true underway: true")
                .SerializeAsString());
  classify.Finish(0.75);
  EXPECT_TRUE(calling.status.ok());
  EXPECT_THAT(calling.text.classification.results(0).scores(), ElementsAre(0.25, 0.75));
}

}  // namespace
}  // namespace chorus::gateway
