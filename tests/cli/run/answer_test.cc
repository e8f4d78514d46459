#include "cli/run/answer.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/base/parse_proto.h"
#include "tests/base/temp_directory.h"
#include "tests/cli/scripted_runner/scripted_runner_service.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

AnswerOptions Options(const std::string& params, bool json = false) {
  return {.params = ParseProto<v1::GenerationParams>(params), .json = json};
}

class AnswerTest : public ::testing::Test {
 protected:
  void Serve(bool classifies, int num_unavailable = 0) {
    service_ = std::make_unique<ScriptedRunnerService>(classifies, num_unavailable);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  absl::Status Ask(const std::string& text, const AnswerOptions& options = {}) {
    RunnerSession session(address_);
    return PrintAnswer(
        session, text, options,
        [&](std::string_view text) {
          pieces_.emplace_back(text);
          if (pieces_.size() == stop_after_) stop_.request_stop();
          return pieces_.size() != refuse_after_;
        },
        stop_.get_token());
  }
  std::string Output() const {
    std::string all;
    for (const std::string& piece : pieces_) all += piece;
    return all;
  }

  const TempDirectory temp_;
  const std::string address_ = "unix:" + (temp_ / "socket").native();
  std::unique_ptr<ScriptedRunnerService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> pieces_;
  std::stop_source stop_;
  size_t stop_after_ = 0;    // Requests a stop after this many pieces.
  size_t refuse_after_ = 0;  // Reads no more than this many pieces.
};

TEST_F(AnswerTest, StreamsThePromptAndEachPiece) {
  Serve(/*classifies=*/false);
  ASSERT_TRUE(Ask("Once", Options("seed: 7")).ok());
  EXPECT_THAT(pieces_,
              ElementsAre("Once", " max 128/0", " sampled", " t=1 k=50 p=1", " seed=7", "\n"));
}

TEST_F(AnswerTest, PassesTheParametersOn) {
  Serve(/*classifies=*/false);
  ASSERT_TRUE(Ask("", Options("max_length: 9 max_new_tokens: 3 do_sample: false temperature: 0.5 "
                              "top_k: 0 top_p: 0.25 seed: 18446744073709551615"))
                  .ok());
  EXPECT_EQ(Output(), " max 9/3 greedy t=0.5 k=0 p=0.25 seed=18446744073709551615\n");
}

TEST_F(AnswerTest, PassesTheRarerParametersOn) {
  Serve(/*classifies=*/false);
  ASSERT_TRUE(Ask("Once", Options("temperature: 0 min_p: 0.25 repetition_penalty: 1.5 stop: '.' "
                                  "stop: '!' ignore_eos: true split_special_tokens: true seed: 7"))
                  .ok());
  EXPECT_EQ(Output(),
            "Once max 128/0 greedy t=0 k=50 p=1 m=0.25 r=1.5 stop=. stop=! ignore_eos split "
            "seed=7\n");
}

TEST_F(AnswerTest, PrintsSeveralTexts) {
  Serve(/*classifies=*/false);
  ASSERT_TRUE(Ask("Once", Options("num_return_sequences: 2 seed: 7")).ok());
  EXPECT_EQ(Output(),
            "Once max 128/0 sampled t=1 k=50 p=1 seed=7\n"
            "Once max 128/0 sampled t=1 k=50 p=1 sequence=1 seed=7\n");
  const absl::Status status = Ask("Once", Options("do_sample: false num_return_sequences: 2"));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("num_return_sequences must be 1"));
}

TEST_F(AnswerTest, PrintsJsonAsTheApiHasIt) {
  Serve(/*classifies=*/false);
  ASSERT_TRUE(Ask("Once", Options("num_return_sequences: 2 seed: 7", /*json=*/true)).ok());
  EXPECT_EQ(Output(),
            R"({"generated":"Once max 128/0 sampled t=1 k=50 p=1 seed=7",)"
            R"("finish_reason":"FINISH_REASON_LENGTH","prompt_tokens":1,"generated_tokens":4,)"
            R"("seed":"7","others":[)"
            R"({"generated":"Once max 128/0 sampled t=1 k=50 p=1 sequence=1 seed=7",)"
            R"("finish_reason":"FINISH_REASON_LENGTH","generated_tokens":4}]})"
            "\n");
}

TEST_F(AnswerTest, PrintsALabelAsJson) {
  Serve(/*classifies=*/true);
  ASSERT_TRUE(Ask("good", {.json = true}).ok());
  ASSERT_TRUE(Ask("a bad one", {.json = true}).ok());
  EXPECT_THAT(
      pieces_,
      ElementsAre(
          R"({"label":"POSITIVE","score":0.875,"scores":[{"label":"NEGATIVE","score":0.125},)"
          R"({"label":"POSITIVE","score":0.875}],"num_tokens":4,"truncated":false})"
          "\n",
          R"({"label":"NEGATIVE","score":0.75,"scores":[{"label":"NEGATIVE","score":0.75},)"
          R"({"label":"POSITIVE","score":0.25}],"num_tokens":9,"truncated":true})"
          "\n"));
}

TEST_F(AnswerTest, TakesARandomSeedWhenNoneIsGiven) {
  Serve(/*classifies=*/false);
  ASSERT_TRUE(Ask("Once").ok());
  const std::string first = Output();
  pieces_.clear();
  ASSERT_TRUE(Ask("Once").ok());
  EXPECT_NE(Output(), first);
}

TEST_F(AnswerTest, WaitsWhileTheModelLoads) {
  Serve(/*classifies=*/true, /*num_unavailable=*/3);
  ASSERT_TRUE(Ask("good").ok());
  EXPECT_EQ(Output(), "POSITIVE 0.8750\n");
}

TEST_F(AnswerTest, PrintsTheLikeliestLabel) {
  Serve(/*classifies=*/true);
  ASSERT_TRUE(Ask("bad").ok());
  EXPECT_EQ(Output(), "NEGATIVE 0.7500\n");
}

TEST_F(AnswerTest, SaysOnStandardErrorThatTheTextWasCut) {
  Serve(/*classifies=*/true);
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(Ask("good").ok());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(Ask("a bad one").ok());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "chorus: the text has 9 tokens and the model reads 4: the label is of its beginning\n");
}

TEST_F(AnswerTest, AClassifierTakesNoParameters) {
  Serve(/*classifies=*/true);
  for (const char* params :
       {"max_length: 1", "do_sample: false", "min_p: 0", "repetition_penalty: 1", "stop: '.'",
        "num_return_sequences: 1", "ignore_eos: true", "seed: 0"}) {
    const absl::Status status = Ask("x", Options(params));
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("classifier"));
  }
  EXPECT_THAT(pieces_, IsEmpty());
}

TEST_F(AnswerTest, ARefusalPrintsNothing) {
  Serve(/*classifies=*/false);
  const absl::Status status = Ask("refuse");
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), "refused: refuse");
  EXPECT_THAT(pieces_, IsEmpty());
}

TEST_F(AnswerTest, AnAnswerWithoutAnEndIsAFault) {
  Serve(/*classifies=*/false);
  EXPECT_TRUE(absl::IsInternal(Ask("cut")));
  EXPECT_THAT(Output(), StartsWith("cut max"));
}

TEST_F(AnswerTest, AStopCancelsTheCallAtTheRunner) {
  Serve(/*classifies=*/false);
  stop_after_ = 2;
  EXPECT_TRUE(absl::IsCancelled(Ask("hang")));
  EXPECT_EQ(Output(), "hang on\n");
  server_->Shutdown();
  server_->Wait();
  EXPECT_TRUE(service_->was_cancelled());
}

TEST_F(AnswerTest, AStopEndsTheWaitForARunnerThatNeverComes) {
  stop_.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Ask("x")));
  Serve(/*classifies=*/false, /*num_unavailable=*/1000000000);
  EXPECT_TRUE(absl::IsCancelled(Ask("x")));
}

TEST_F(AnswerTest, AReaderThatLeavesEndsTheCall) {
  Serve(/*classifies=*/false);
  refuse_after_ = 2;
  EXPECT_TRUE(absl::IsCancelled(Ask("hang")));
  EXPECT_EQ(Output(), "hang on");
}

}  // namespace
}  // namespace chorus
