#include "cli/run/encoder_answer.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/base/parse_proto.h"
#include "tests/base/temp_directory.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A runner that answers what it is told to.
struct Service : public runner::v1::RunnerService::Service {
  grpc::Status GetModelInfo(grpc::ServerContext*, const runner::v1::GetModelInfoRequest*,
                            runner::v1::GetModelInfoResponse* response) override {
    response->set_task(task);
    return grpc::Status::OK;
  }
  grpc::Status Classify(grpc::ServerContext*, const runner::v1::ClassifyRequest* request,
                        runner::v1::ClassifyResponse* response) override {
    classify = *request;
    *response = scores;
    return grpc::Status::OK;
  }
  grpc::Status Embed(grpc::ServerContext*, const runner::v1::EmbedRequest* request,
                     runner::v1::EmbedResponse* response) override {
    embed = *request;
    *response = vectors;
    return grpc::Status::OK;
  }

  runner::v1::Task task = runner::v1::TASK_CLASSIFY;
  runner::v1::ClassifyResponse scores;
  runner::v1::EmbedResponse vectors;
  runner::v1::ClassifyRequest classify;
  runner::v1::EmbedRequest embed;
};

class EncoderAnswerTest : public ::testing::Test {
 protected:
  EncoderAnswerTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }

  absl::Status Ask(const AnswerOptions& options = {}) {
    output_.clear();
    RunnerSession session(address_);
    return PrintAnswer(session, "x", options,
                       [this](std::string_view text) {
                         output_ += text;
                         return true;
                       },
                       {});
  }

  const TempDirectory temp_;
  const std::string address_ = "unix:" + (temp_ / "socket").native();
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::string output_;
};

TEST_F(EncoderAnswerTest, PrintsAllLikelyLabelsWhereSeveralMayApply) {
  service_.scores = ParseProto<runner::v1::ClassifyResponse>(
      R"(labels: "mild" labels: "rude" labels: "toxic" score_kind: SCORE_KIND_SIGMOID
         results { scores: 0.25 scores: 0.5 scores: 0.75 })");
  ASSERT_TRUE(Ask().ok());
  EXPECT_EQ(output_, "toxic 0.7500\nrude 0.5000\n");
  service_.scores.set_score_kind(v1::SCORE_KIND_SOFTMAX);
  ASSERT_TRUE(Ask().ok());
  EXPECT_EQ(output_, "toxic 0.7500\n");
}

TEST_F(EncoderAnswerTest, PrintsTheLikeliestLabelEvenIfNoneIsLikely) {
  service_.scores = ParseProto<runner::v1::ClassifyResponse>(
      R"(labels: "rude" labels: "toxic" score_kind: SCORE_KIND_SIGMOID
         results { scores: 0.125 scores: 0.25 })");
  ASSERT_TRUE(Ask().ok());
  EXPECT_EQ(output_, "toxic 0.2500\n");
}

TEST_F(EncoderAnswerTest, PrintsAValueAsItIsAndPassesThePairOn) {
  service_.scores = ParseProto<runner::v1::ClassifyResponse>(
      R"(labels: "LABEL_0" score_kind: SCORE_KIND_RAW results { scores: -11.25 })");
  ASSERT_TRUE(Ask({.text_pair = "y"}).ok());
  EXPECT_EQ(output_, "LABEL_0 -11.2500\n");
  EXPECT_THAT(service_.classify.texts(), ElementsAre("x"));
  EXPECT_THAT(service_.classify.text_pairs(), ElementsAre("y"));
  ASSERT_TRUE(Ask({.json = true}).ok());
  EXPECT_EQ(output_,
            R"({"label":"LABEL_0","score":-11.25,"scores":[{"label":"LABEL_0","score":-11.25}],)"
            R"("num_tokens":0,"truncated":false,"score_kind":"SCORE_KIND_RAW"})"
            "\n");
}

TEST_F(EncoderAnswerTest, WarnsOfAnUntrainedHead) {
  service_.scores = ParseProto<runner::v1::ClassifyResponse>(
      R"(labels: "A" labels: "B" results { scores: 0.25 scores: 0.75 } untrained_head: true)");
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(Ask({.json = true}).ok());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("random weights"));
  EXPECT_THAT(output_, HasSubstr(R"("untrained_head":true)"));
}

TEST_F(EncoderAnswerTest, PrintsAVector) {
  service_.task = runner::v1::TASK_EMBED;
  service_.vectors = ParseProto<runner::v1::EmbedResponse>(
      R"(results { values: 0.1 values: -2 num_tokens: 3 text_tokens: 5 })");
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(Ask().ok());
  EXPECT_EQ(output_, "0.1 -2\n");
  EXPECT_EQ(
      ::testing::internal::GetCapturedStderr(),
      "chorus: the text has 5 tokens and the model reads 3: the vector is of its beginning\n");
  ASSERT_TRUE(Ask({.json = true}).ok());
  EXPECT_EQ(output_, "{\"values\":[0.1,-2],\"num_tokens\":5,\"truncated\":true}\n");
}

TEST_F(EncoderAnswerTest, RefusesWhatIsAnotherKindOfModels) {
  service_.task = runner::v1::TASK_EMBED;
  EXPECT_TRUE(absl::IsInvalidArgument(Ask({.text_pair = "y"})));
  AnswerOptions options;
  options.params.set_max_length(3);
  EXPECT_THAT(std::string(Ask(options).message()), HasSubstr("the model is an embedder"));
  service_.task = runner::v1::TASK_GENERATE;
  EXPECT_TRUE(absl::IsInvalidArgument(Ask({.text_pair = "y"})));
}

}  // namespace
}  // namespace chorus
