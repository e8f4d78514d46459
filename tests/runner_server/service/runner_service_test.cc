#include "runner_server/service/runner_service.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runner_server/engine/encoder_stepper.h"
#include "runner_server/engine/generation_stepper.h"
#include "runner_server/engine/mailbox.h"
#include "runner_server/service/tokenize.h"
#include "tests/runner_server/engine/fake_encoder.h"
#include "tests/runner_server/engine/fake_language_model.h"
#include "tests/runner_server/engine/fake_tokenizer.h"

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

// The service over fake models, called through gRPC.
class RunnerServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    // A reader that does not read holds the writer up after 64 KiB, and not after as much as gRPC
    // thinks the connection could carry.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    channel_ = grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                         grpc::InsecureChannelCredentials(), arguments);
    stub_ = runner::v1::RunnerService::NewStub(channel_);
  }

  void TearDown() override {
    gate_.Close();
    metrics_.SetLoad(nullptr);
    engine_.reset();  // Ends every call.
    before_.reset();
    EXPECT_TRUE(service_.WaitIdle(absl::Seconds(60)));
    server_->Shutdown();
  }

  void ServeGenerator(FakeLanguageModel::Logits logits, FakeLanguageModel::Options options = {},
                      QueueBudget::Options queue = {}) {
    auto model = std::make_unique<FakeLanguageModel>(options, std::move(logits));
    if (hold_model_) model->before_forward = [this] { gate_.Take(); };
    auto stepper = *GenerationStepper::Create(
        std::move(model), tokenizer_, metrics_,
        {.bos_token_id = FakeTokenizer::kEnd, .eos_token_ids = {FakeTokenizer::kEnd}});
    Serve(std::make_unique<GenerationEngine>(
        std::move(stepper), metrics_,
        Engine::Options{.info = Info("GPT2LMHeadModel", "float32"), .queue = queue}));
  }

  void ServeClassifier() {
    auto stepper =
        *ClassificationStepper::Create(std::make_unique<FakeEncoder>(), tokenizer_, metrics_, {});
    Serve(std::make_unique<ClassificationEngine>(
        std::move(stepper), metrics_,
        Engine::Options{.info = Info("BertForSequenceClassification", "int8")}));
  }

  void ServeEmbedder() {
    auto stepper = *EmbeddingStepper::Create(
        std::make_unique<FakeEncoder>(EmbeddingHead{.pooling = Pooling::kFirstToken}), tokenizer_,
        metrics_, {});
    Serve(std::make_unique<EmbeddingEngine>(std::move(stepper), metrics_,
                                            Engine::Options{.info = Info("BertModel", "float32")}));
  }

  grpc::Status Embed(const runner::v1::EmbedRequest& request, runner::v1::EmbedResponse& response) {
    grpc::ClientContext context;
    return stub_->Embed(&context, request, &response);
  }

  static runner::v1::GetModelInfoResponse Info(const char* architecture, const char* dtype) {
    runner::v1::GetModelInfoResponse info;
    info.set_name("fake");
    info.set_version("7");
    info.set_architecture(architecture);
    info.set_dtype(dtype);
    return info;
  }

  void Serve(std::unique_ptr<Engine> engine) {
    before_ = std::exchange(engine_, std::move(engine));
    service_.SetEngine(*engine_);
    metrics_.SetLoad([this] { return engine_->load(); });
  }

  struct Generated {
    std::string text;
    int num_deltas = 0;
    uint32_t num_delta_tokens = 0;
    std::vector<chorus::v1::TokenLogprob> logprobs;
    chorus::v1::GenerationEnd finished;
    grpc::Status status;
  };

  Generated Generate(const runner::v1::GenerateRequest& request) {
    grpc::ClientContext context;
    return Read(*stub_->Generate(&context, request));
  }

  static Generated Read(grpc::ClientReader<runner::v1::GenerateResponse>& reader) {
    Generated generated;
    runner::v1::GenerateResponse response;
    while (reader.Read(&response)) {
      EXPECT_FALSE(generated.finished.reason()) << "more after the end";
      if (response.has_delta()) {
        EXPECT_GT(response.delta().num_tokens(), 0u);
        for (const chorus::v1::TokenLogprob& logprob : response.delta().logprobs()) {
          generated.logprobs.push_back(logprob);
        }
        generated.text += response.delta().text();
        generated.num_delta_tokens += response.delta().num_tokens();
        ++generated.num_deltas;
      } else {
        generated.finished = response.finished();
        EXPECT_EQ(generated.num_delta_tokens, generated.finished.generated_tokens());
      }
    }
    generated.status = reader.Finish();
    return generated;
  }

  std::pair<grpc::Status, runner::v1::TokenizeResponse> Tokenize(const std::string& text) {
    runner::v1::TokenizeRequest request;
    request.set_text(text);
    return Tokenize(request);
  }

  std::pair<grpc::Status, runner::v1::TokenizeResponse> Tokenize(
      const runner::v1::TokenizeRequest& request) {
    grpc::ClientContext context;
    runner::v1::TokenizeResponse response;
    grpc::Status status = stub_->Tokenize(&context, request, &response);
    return {std::move(status), std::move(response)};
  }

  std::pair<grpc::Status, std::string> Detokenize(const std::vector<uint32_t>& ids) {
    grpc::ClientContext context;
    runner::v1::DetokenizeRequest request;
    request.mutable_ids()->Add(ids.begin(), ids.end());
    runner::v1::DetokenizeResponse response;
    grpc::Status status = stub_->Detokenize(&context, request, &response);
    return {std::move(status), response.text()};
  }

  void ExpectTokenizes() {
    const auto [status, response] = Tokenize("b🙂");
    ASSERT_TRUE(status.ok());
    ASSERT_EQ(response.tokens_size(), 5);
    EXPECT_EQ(response.tokens(0).id(), 2u);
    EXPECT_EQ(response.tokens(0).text(), "b");
    EXPECT_EQ(response.tokens(0).begin(), 0u);
    EXPECT_EQ(response.tokens(0).end(), 1u);
    EXPECT_EQ(response.tokens(4).id(), FakeTokenizer::kSmile + 3u);
    EXPECT_EQ(response.tokens(4).text(), "\uFFFD");
    EXPECT_EQ(response.tokens(4).begin(), 4u);
    EXPECT_EQ(response.tokens(4).end(), 5u);
    EXPECT_EQ(Tokenize("").second.tokens_size(), 0);
    EXPECT_EQ(Detokenize({2, 28, 29, 30, 31, 1, 30}).second, "b🙂a\uFFFD");
    EXPECT_EQ(Detokenize({}).second, "");
  }

  FakeTokenizer tokenizer_;
  RunnerMetrics metrics_{"fake", "7"};
  bool hold_model_ = false;
  Mailbox<bool> gate_;  // Close() lets the model run.
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> before_;  // That engine_ has taken the place of.
  RunnerService service_{metrics_};
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<runner::v1::RunnerService::Stub> stub_;
};

runner::v1::GenerateRequest GreedyRequest(const std::string& text) {
  runner::v1::GenerateRequest request;
  request.set_text(text);
  request.mutable_params()->set_do_sample(false);
  return request;
}

runner::v1::GenerateRequest EndlessRequest(const std::string& text) {
  runner::v1::GenerateRequest request = GreedyRequest(text);
  request.mutable_params()->set_max_new_tokens(std::numeric_limits<int32_t>::max());
  return request;
}

TEST_F(RunnerServiceTest, IsUnavailableWhileLoading) {
  EXPECT_EQ(Generate(GreedyRequest("a")).status.error_code(), grpc::UNAVAILABLE);
  grpc::ClientContext classify, info, load;
  runner::v1::ClassifyResponse classified;
  runner::v1::GetModelInfoResponse model;
  runner::v1::GetLoadResponse busy;
  EXPECT_EQ(stub_->Classify(&classify, {}, &classified).error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(stub_->GetModelInfo(&info, {}, &model).error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(Tokenize("a").first.error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(Detokenize({1}).first.error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(stub_->GetLoad(&load, {}, &busy).error_message(),
            "the runner is loading its model; retry later or elsewhere");
}

TEST_F(RunnerServiceTest, TellsItsMetricsEvenWhileLoading) {
  grpc::ClientContext context;
  runner::v1::GetMetricsResponse metrics;
  ASSERT_TRUE(stub_->GetMetrics(&context, {}, &metrics).ok());
  EXPECT_EQ(metrics.text(), metrics_.ToText());
  EXPECT_THAT(metrics.text(), HasSubstr("\nchorus_generated_tokens_total{model="));
}

TEST_F(RunnerServiceTest, StreamsAText) {
  ServeGenerator(Script(2, {3, 1, 20, FakeTokenizer::kEnd}));
  const Generated generated = Generate(GreedyRequest("ab"));
  EXPECT_TRUE(generated.status.ok());
  EXPECT_EQ(generated.text, "cat");
  EXPECT_EQ(generated.num_delta_tokens, 4u);  // The end counts.
  EXPECT_EQ(generated.finished.reason(), chorus::v1::FINISH_REASON_STOP);
  EXPECT_EQ(generated.finished.prompt_tokens(), 2u);
  EXPECT_EQ(generated.finished.generated_tokens(), 4u);
  EXPECT_TRUE(generated.logprobs.empty());
}

TEST_F(RunnerServiceTest, PassesEveryParameterOn) {
  ServeGenerator(HashLogits);
  runner::v1::GenerateRequest request;
  request.set_text("hello");
  request.mutable_params()->set_max_new_tokens(20);
  request.mutable_params()->set_do_sample(true);
  request.mutable_params()->set_temperature(0.8);
  request.mutable_params()->set_top_k(20);
  request.mutable_params()->set_top_p(0.9);
  request.mutable_params()->set_seed(1);
  const std::string text = Generate(request).text;
  EXPECT_EQ(Generate(request).text, text);
  const auto changed = [&](auto change) {
    runner::v1::GenerateRequest other = request;
    change(other);
    return Generate(other).text;
  };
  EXPECT_NE(changed([](runner::v1::GenerateRequest& r) { r.mutable_params()->set_seed(2); }), text);
  EXPECT_NE(changed([](runner::v1::GenerateRequest& r) { r.set_branch(2); }), text);
  EXPECT_NE(
      changed([](runner::v1::GenerateRequest& r) { r.mutable_params()->set_temperature(50); }),
      text);
  EXPECT_NE(changed([](runner::v1::GenerateRequest& r) { r.mutable_params()->set_top_k(1); }),
            text);
  EXPECT_NE(changed([](runner::v1::GenerateRequest& r) { r.mutable_params()->set_top_p(0.01); }),
            text);
  EXPECT_NE(
      changed([](runner::v1::GenerateRequest& r) { r.mutable_params()->set_do_sample(false); }),
      text);
  EXPECT_NE(changed([](runner::v1::GenerateRequest& r) { r.set_sequence(2); }), text);
  EXPECT_NE(changed([](runner::v1::GenerateRequest& r) { r.mutable_params()->set_min_p(1); }),
            text);
  EXPECT_NE(changed([](runner::v1::GenerateRequest& r) {
              r.mutable_params()->set_repetition_penalty(3);
            }),
            text);
  EXPECT_EQ(changed([](runner::v1::GenerateRequest& r) {
              r.mutable_params()->set_repetition_penalty(1);
            }),
            text);
  request.mutable_params()->clear_max_new_tokens();
  request.mutable_params()->set_max_length(7);
  EXPECT_EQ(Generate(request).finished.generated_tokens(), 2u);
}

TEST_F(RunnerServiceTest, EndsATextBeforeAStopString) {
  ServeGenerator(Script(2, {3, FakeTokenizer::kEnd, 1, 20, 5}));
  runner::v1::GenerateRequest request = GreedyRequest("ab");
  request.mutable_params()->set_ignore_eos(true);
  request.mutable_params()->add_stop("xyz");
  request.mutable_params()->add_stop("te");
  request.mutable_params()->set_logprobs(0);
  const Generated generated = Generate(request);
  EXPECT_EQ(generated.text, "ca");
  EXPECT_EQ(generated.finished.reason(), chorus::v1::FINISH_REASON_STOP_STRING);
  EXPECT_EQ(generated.finished.generated_tokens(), 5u);
  EXPECT_EQ(generated.logprobs.size(), 5u);
}

TEST_F(RunnerServiceTest, TellsHowLikelyTokensWere) {
  ServeGenerator([](const std::vector<int32_t>&, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), -100.f);
    logits[1] = std::log(3.f);
    logits[FakeTokenizer::kSmile] = 0;
  });
  runner::v1::GenerateRequest request = GreedyRequest("a");
  request.mutable_params()->set_max_new_tokens(3);
  request.mutable_params()->set_logprobs(2);
  const Generated generated = Generate(request);
  EXPECT_EQ(generated.text, "aaa");
  ASSERT_EQ(generated.logprobs.size(), 3u);
  for (const chorus::v1::TokenLogprob& logprob : generated.logprobs) {
    EXPECT_EQ(logprob.id(), 1u);
    EXPECT_EQ(logprob.text(), "a");
    EXPECT_NEAR(logprob.logprob(), std::log(0.75), 1e-6);
    ASSERT_EQ(logprob.top_size(), 2);
    EXPECT_EQ(logprob.top(0).id(), 1u);
    EXPECT_EQ(logprob.top(1).id(), uint32_t{FakeTokenizer::kSmile});
    EXPECT_EQ(logprob.top(1).text(), "\uFFFD");
    EXPECT_NEAR(logprob.top(1).logprob(), std::log(0.25), 1e-6);
  }
  request.mutable_params()->set_logprobs(0);  // Is not the same as unset.
  EXPECT_EQ(Generate(request).logprobs.size(), 3u);
}

TEST_F(RunnerServiceTest, TellsWhereTheTimeWent) {
  ServeGenerator(Script(1, {1}));
  runner::v1::GenerateRequest request = GreedyRequest("a");
  request.mutable_params()->set_max_new_tokens(5);
  const absl::Time before = absl::Now();
  const chorus::v1::GenerationTiming timing = Generate(request).finished.timing();
  EXPECT_GE(timing.queue_seconds(), 0);
  EXPECT_GT(timing.prefill_seconds(), 0);
  EXPECT_GT(timing.decode_seconds(), 0);
  EXPECT_LT(timing.queue_seconds() + timing.prefill_seconds() + timing.decode_seconds(),
            absl::ToDoubleSeconds(absl::Now() - before));
  EXPECT_EQ(timing.mean_batch_size(), 1);
  EXPECT_EQ(timing.max_batch_size(), 1u);
}

TEST_F(RunnerServiceTest, RefusesBadParametersByName) {
  ServeGenerator(HashLogits);
  runner::v1::GenerateRequest request = GreedyRequest("a");
  request.mutable_params()->set_max_length(65);
  Generated generated = Generate(request);
  EXPECT_EQ(generated.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(generated.status.error_message(), "max_length must be at most 64: 65");
  request.mutable_params()->clear_max_length();
  request.mutable_params()->set_do_sample(true);
  request.mutable_params()->set_temperature(-1);
  generated = Generate(request);
  EXPECT_EQ(
      generated.status.error_message(),
      "temperature must be finite and at least 0 (0 takes the likeliest token each time): -1");
  request.mutable_params()->set_do_sample(false);
  request.mutable_params()->set_logprobs(21);
  EXPECT_EQ(Generate(request).status.error_message(), "logprobs must be at most 20: 21");
  request.mutable_params()->clear_logprobs();
  request.mutable_params()->add_stop(std::string(1025, 'a'));
  generated = Generate(request);
  EXPECT_EQ(generated.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(generated.status.error_message(), "stop[0] must have 1 to 1024 bytes: 1025");
}

TEST_F(RunnerServiceTest, SaysWhatTheModelIsWhenAskedForAnotherTask) {
  ServeGenerator(HashLogits);
  grpc::ClientContext context;
  runner::v1::ClassifyRequest request;
  request.add_texts("a");
  runner::v1::ClassifyResponse response;
  const grpc::Status status = stub_->Classify(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "model fake (GPT2LMHeadModel) is a generator, which implements Generate, not Classify");
}

TEST_F(RunnerServiceTest, AClassifierDoesNotGenerate) {
  ServeClassifier();
  EXPECT_EQ(Generate(GreedyRequest("a")).status.error_message(),
            "model fake (BertForSequenceClassification) is a classifier, which implements "
            "Classify, not Generate");
}

TEST_F(RunnerServiceTest, AClassifierDoesNotEmbed) {
  ServeClassifier();
  runner::v1::EmbedRequest request;
  request.add_texts("a");
  runner::v1::EmbedResponse response;
  const grpc::Status status = Embed(request, response);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "model fake (BertForSequenceClassification) is a classifier, which implements "
            "Classify, not Embed");
}

TEST_F(RunnerServiceTest, AnEmbedderSaysWhatItTakesToClassify) {
  ServeEmbedder();
  grpc::ClientContext context;
  runner::v1::ClassifyRequest request;
  request.add_texts("a");
  runner::v1::ClassifyResponse response;
  const grpc::Status status = stub_->Classify(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              AllOf(HasSubstr("model fake (BertModel) is an embedder, which implements Embed, not "
                              "Classify: it has no classification head"),
                    HasSubstr("--untrained_head SEED")));
}

TEST_F(RunnerServiceTest, EmbedsTextsInOrder) {
  ServeEmbedder();
  runner::v1::EmbedRequest request;
  for (const std::string& text : {std::string("aaaa"), std::string("z"), std::string(20, 'a')}) {
    request.add_texts(text);
  }
  runner::v1::EmbedResponse response;
  ASSERT_TRUE(Embed(request, response).ok());
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_THAT(response.results(0).values(), ElementsAre(0.4f, 0.4f));
  EXPECT_THAT(response.results(1).values(), ElementsAre(0.1f, 2.6f));
  EXPECT_EQ(response.results(2).num_tokens(), 16u);
  EXPECT_EQ(response.results(2).text_tokens(), 20u);
  EXPECT_EQ(response.pooling(), chorus::v1::POOLING_CLS);
  EXPECT_FALSE(response.normalized());
  EXPECT_EQ(response.model_version(), "7");
  EXPECT_EQ(response.max_batch_size(), 3u);
  EXPECT_THAT(metrics_.ToText(), HasSubstr("chorus_truncated_texts_total{model=\"fake\"} 1\n"));
  request.set_normalize(true);
  request.set_dimensions(1);
  ASSERT_TRUE(Embed(request, response).ok());
  EXPECT_TRUE(response.normalized());
  EXPECT_THAT(response.results(1).values(), ElementsAre(1));
  request.set_dimensions(3);
  EXPECT_THAT(Embed(request, response).error_message(),
              HasSubstr("dimensions must be at most the model's 2: 3"));
  request.set_dimensions(0);
  request.set_refuse_truncation(true);
  EXPECT_THAT(Embed(request, response).error_message(), HasSubstr("texts[2] has 20 tokens"));
}

TEST_F(RunnerServiceTest, ClassifiesTextsInOrder) {
  ServeClassifier();
  grpc::ClientContext context;
  runner::v1::ClassifyRequest request;
  for (const char* text : {"aaaa", "z", "aa"}) request.add_texts(text);
  runner::v1::ClassifyResponse response;
  ASSERT_TRUE(stub_->Classify(&context, request, &response).ok());
  EXPECT_THAT(response.labels(), ElementsAre("LENGTH", "SUM"));
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_EQ(response.results(0).num_tokens(), 4u);
  EXPECT_THAT(response.results(0).scores(), ElementsAre(0.5, 0.5));
  EXPECT_GT(response.results(1).scores(1), 0.9);
  EXPECT_EQ(response.results(2).num_tokens(), 2u);
  EXPECT_GE(response.queue_seconds(), 0);
  EXPECT_GT(response.compute_seconds(), 0);
  EXPECT_EQ(response.max_batch_size(), 3u);
}

TEST_F(RunnerServiceTest, TellsOfTextsThatWereCutAndCountsThem) {
  ServeClassifier();
  runner::v1::ClassifyRequest request;
  for (const size_t size : {16, 17, 40}) request.add_texts(std::string(size, 'a'));
  runner::v1::ClassifyResponse response;
  grpc::ClientContext context, refusing, split;
  ASSERT_TRUE(stub_->Classify(&context, request, &response).ok());
  EXPECT_EQ(response.results(0).text_tokens(), 16u);
  EXPECT_EQ(response.results(2).text_tokens(), 40u);
  EXPECT_EQ(response.results(2).num_tokens(), 16u);
  EXPECT_THAT(metrics_.ToText(), HasSubstr("chorus_truncated_texts_total{model=\"fake\"} 2\n"));
  request.set_refuse_truncation(true);
  const grpc::Status status = stub_->Classify(&refusing, request, &response);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("texts[1] has 17 tokens"));
  EXPECT_THAT(metrics_.ToText(), HasSubstr("chorus_truncated_texts_total{model=\"fake\"} 2\n"));
}

TEST_F(RunnerServiceTest, ReadsSpecialTokensAsCharactersWhereTheRequestSaysSo) {
  ServeClassifier();
  runner::v1::TokenizeRequest tokenize;
  tokenize.set_text("a?");
  runner::v1::TokenizeResponse tokens;
  runner::v1::ClassifyRequest classify;
  classify.add_texts("a?");
  runner::v1::ClassifyResponse special, split;
  grpc::ClientContext tokenize_special, tokenize_split, classify_special, classify_split;
  ASSERT_TRUE(stub_->Tokenize(&tokenize_special, tokenize, &tokens).ok());
  EXPECT_EQ(tokens.tokens(1).id(), FakeTokenizer::kEnd);
  tokenize.set_split_special_tokens(true);
  ASSERT_TRUE(stub_->Tokenize(&tokenize_split, tokenize, &tokens).ok());
  EXPECT_EQ(tokens.tokens(1).id(), FakeTokenizer::kSpace);
  ASSERT_TRUE(stub_->Classify(&classify_special, classify, &special).ok());
  classify.set_split_special_tokens(true);
  ASSERT_TRUE(stub_->Classify(&classify_split, classify, &split).ok());
  EXPECT_NE(split.results(0).scores(1), special.results(0).scores(1));
}

TEST_F(RunnerServiceTest, GeneratesFromSpecialTokensReadAsCharacters) {
  ServeGenerator(HashLogits);
  runner::v1::GenerateRequest request = GreedyRequest("a?");
  const std::string special = Generate(request).text;
  request.mutable_params()->set_split_special_tokens(true);
  const std::string split = Generate(request).text;
  EXPECT_NE(split, special);
  EXPECT_EQ(split, Generate(GreedyRequest("a ")).text);
}

// protobuf refuses such bytes in a string field before the service sees them, as it does any
// message that it cannot parse. With which code is gRPC's affair; the gateway checks its texts
// first.
TEST_F(RunnerServiceTest, NeverTakesBytesThatAreNotUtf8) {
  ServeClassifier();
  const grpc::Slice slice("\x0a\x01\xff");  // texts: one byte FF.
  grpc::ByteBuffer request(&slice, 1), response;
  grpc::ClientContext context;
  Mailbox<grpc::Status> done;
  grpc::GenericStub(channel_).UnaryCall(&context, "/chorus.runner.v1.RunnerService/Classify", {},
                                        &request, &response,
                                        [&](grpc::Status status) { done.TryPush(status); });
  EXPECT_FALSE(done.Take()->ok());
}

TEST_F(RunnerServiceTest, AGeneratorTokenizes) {
  ServeGenerator(HashLogits);
  ExpectTokenizes();
}

TEST_F(RunnerServiceTest, AClassifierTokenizes) {
  ServeClassifier();
  ExpectTokenizes();
}

TEST_F(RunnerServiceTest, TokenizesWhileTheModelIsBusyAndItsQueueFull) {
  hold_model_ = true;
  ServeGenerator(Script(1, {1}), {.num_slots = 1}, {.max_calls = 1});
  grpc::ClientContext running_context, waiting_context;
  auto running = stub_->Generate(&running_context, GreedyRequest("a"));
  while (engine_->load().running_sequences() == 0) std::this_thread::yield();
  auto waiting = stub_->Generate(&waiting_context, GreedyRequest("a"));
  while (engine_->load().queued_sequences() == 0) std::this_thread::yield();
  EXPECT_EQ(Tokenize("ab").second.tokens_size(), 2);
  EXPECT_EQ(Detokenize({1, 2}).second, "ab");
  gate_.Close();
  EXPECT_TRUE(Read(*running).status.ok());
  EXPECT_TRUE(Read(*waiting).status.ok());
}

TEST_F(RunnerServiceTest, TellsATextThatTheTokenizerRefuses) {
  ServeClassifier();
  const grpc::Status status = Tokenize("a#").first;
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "text: the fake refuses it");
  ExpectTokenizes();
}

TEST_F(RunnerServiceTest, BoundsWhatItTokenizes) {
  ServeClassifier();
  const std::string most(size_t{1} << 20, 'a');
  grpc::Status status = Tokenize(most + "a").first;
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "text must have at most 1048576 bytes: 1048577");
  status = Detokenize({31, 5, 32}).first;
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "ids[2] must be below 32: 32");
  std::vector<uint32_t> ids(1 << 20, 1);
  EXPECT_EQ(Detokenize(ids).second, most);
  std::fill(ids.begin(), ids.end(), FakeTokenizer::kSmile + 1);  // A U+FFFD each: the most.
  EXPECT_EQ(Detokenize(ids).second.size(), 3 * most.size());
  ids.push_back(1);
  EXPECT_EQ(Detokenize(ids).first.error_message(), "ids must hold at most 1048576 ids: 1048577");
}

TEST_F(RunnerServiceTest, TokensComeInPagesAndAsIds) {
  ServeClassifier();
  runner::v1::TokenizeRequest request;
  request.set_text("abcde");
  struct Case {
    uint32_t offset;
    std::optional<uint32_t> limit;
    std::vector<uint32_t> ids;
  };
  for (const Case& c : {Case{0, {}, {1, 2, 3, 4, 5}}, Case{1, 2, {2, 3}}, Case{3, {}, {4, 5}},
                        Case{3, 9, {4, 5}}, Case{0, 0, {}}, Case{9, 1, {}}}) {
    request.set_offset(c.offset);
    request.clear_limit();
    if (c.limit) request.set_limit(*c.limit);
    request.set_ids_only(true);
    auto [status, ids] = Tokenize(request);
    ASSERT_TRUE(status.ok());
    EXPECT_THAT(ids.ids(), ElementsAreArray(c.ids));
    EXPECT_EQ(ids.tokens_size(), 0);
    EXPECT_EQ(ids.num_tokens(), 5u);
    request.set_ids_only(false);
    auto [_, tokens] = Tokenize(request);
    EXPECT_EQ(tokens.ids_size(), 0);
    EXPECT_EQ(tokens.num_tokens(), 5u);
    ASSERT_EQ(tokens.tokens_size(), static_cast<int>(c.ids.size()));
    for (int i = 0; i < tokens.tokens_size(); ++i) {
      EXPECT_EQ(tokens.tokens(i).id(), c.ids[i]);
      EXPECT_EQ(tokens.tokens(i).begin(), c.ids[i] - 1);
    }
  }
}

TEST_F(RunnerServiceTest, TheLargestLegalRepliesPassWithDefaultClients) {
  ServeClassifier();
  runner::v1::TokenizeRequest request;
  for (size_t i = 0; i < kMaxTokenizedBytes / 4; ++i) *request.mutable_text() += "🙂";
  auto [status, too_many] = Tokenize(request);
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "text has 1048576 tokens, and a reply at most 32768, not 1048576: have them in pages, "
            "by limit and offset, or without their pieces, by ids_only");
  request.set_limit(kMaxTokensWithPieces);
  request.set_offset(kMaxTokenizedBytes - kMaxTokensWithPieces);
  auto [page_status, page] = Tokenize(request);
  EXPECT_TRUE(page_status.ok()) << page_status.error_message();
  EXPECT_EQ(page.tokens_size(), static_cast<int>(kMaxTokensWithPieces));
  request.clear_limit();
  request.clear_offset();
  request.set_ids_only(true);
  auto [ids_status, ids] = Tokenize(request);
  EXPECT_TRUE(ids_status.ok()) << ids_status.error_message();
  EXPECT_EQ(ids.ids_size(), static_cast<int>(kMaxTokenizedBytes));
}

TEST_F(RunnerServiceTest, SaysWhatIsWrongWithBytesThatAreNoRequest) {
  ServeClassifier();
  for (const char* method : {"Tokenize", "Generate", "Classify"}) {
    const grpc::Slice slice(
        std::string("\x0a\x02"
                    "a\xff"));
    grpc::ByteBuffer request(&slice, 1), response;
    grpc::ClientContext context;
    Mailbox<grpc::Status> done;
    grpc::GenericStub(channel_).UnaryCall(
        &context, absl::StrCat("/chorus.runner.v1.RunnerService/", method), {}, &request, &response,
        [&](grpc::Status status) { done.TryPush(status); });
    const grpc::Status status = *done.Take();
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << method;
    EXPECT_THAT(status.error_message(), HasSubstr("must be UTF-8; it is not at byte 1")) << method;
  }
}

TEST_F(RunnerServiceTest, BoundsTheTextsOfACall) {
  ServeClassifier();
  runner::v1::ClassifyRequest request;
  runner::v1::ClassifyResponse response;
  grpc::ClientContext none, most, over;
  EXPECT_EQ(stub_->Classify(&none, request, &response).error_message(),
            "texts must hold 1 to 1024 texts: 0");
  const std::string text = "a";
  for (int i = 0; i < 1024; ++i) request.add_texts(text);
  EXPECT_TRUE(stub_->Classify(&most, request, &response).ok());
  EXPECT_EQ(response.results_size(), 1024);
  request.add_texts(text);
  EXPECT_EQ(stub_->Classify(&over, request, &response).error_message(),
            "texts must hold 1 to 1024 texts: 1025");
}

TEST_F(RunnerServiceTest, TellsModelAndLoad) {
  hold_model_ = true;
  ServeGenerator(Script(1, {1}), {.num_slots = 1});
  grpc::ClientContext info;
  runner::v1::GetModelInfoResponse model;
  ASSERT_TRUE(stub_->GetModelInfo(&info, {}, &model).ok());
  EXPECT_EQ(model.name(), "fake");
  EXPECT_EQ(model.version(), "7");
  EXPECT_EQ(model.task(), runner::v1::TASK_GENERATE);
  EXPECT_EQ(model.architecture(), "GPT2LMHeadModel");
  EXPECT_EQ(model.dtype(), "float32");
  EXPECT_EQ(model.bits(), chorus::v1::BITS_PER_REQUEST);
  EXPECT_EQ(model.context_size(), 64u);
  EXPECT_EQ(model.vocab_size(), 32u);

  runner::v1::GenerateRequest request = GreedyRequest("a");
  request.mutable_params()->set_max_length(10);
  std::thread running([&] { Generate(request); });
  std::thread waiting([&] { Generate(request); });
  runner::v1::GetLoadResponse load;
  do {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->GetLoad(&context, {}, &load).ok());
  } while (load.running_sequences() != 1 || load.queued_sequences() != 1 ||
           load.queued_tokens() != 10);
  EXPECT_EQ(load.kv_cache_used_ratio(), 1.0);
  gate_.Close();
  running.join();
  waiting.join();
}

TEST_F(RunnerServiceTest, TellsThatABatchMayChangeAText) {
  ServeClassifier();
  grpc::ClientContext info;
  runner::v1::GetModelInfoResponse model;
  ASSERT_TRUE(stub_->GetModelInfo(&info, {}, &model).ok());
  EXPECT_EQ(model.task(), runner::v1::TASK_CLASSIFY);
  EXPECT_EQ(model.bits(), chorus::v1::BITS_PER_BATCH_SHAPE);
}

TEST_F(RunnerServiceTest, ACallIsTheEnginesThatAcceptedIt) {
  hold_model_ = true;
  ServeGenerator(Script(2, {3, 1, 20, FakeTokenizer::kEnd}));
  Generated accepted;
  std::thread caller([&] { accepted = Generate(GreedyRequest("ab")); });
  while (engine_->load().running_sequences() == 0) {
  }
  hold_model_ = false;
  ServeGenerator(Script(2, {2, 1, 20, FakeTokenizer::kEnd}));
  before_->Drain(absl::InfiniteFuture());
  const Generated next = Generate(GreedyRequest("ab"));
  EXPECT_TRUE(next.status.ok()) << next.status.error_message();
  EXPECT_EQ(next.text, "bat");
  ExpectTokenizes();
  gate_.Close();
  before_->Join();
  caller.join();
  EXPECT_TRUE(accepted.status.ok()) << accepted.status.error_message();
  EXPECT_EQ(accepted.text, "cat");
}

TEST_F(RunnerServiceTest, StopsWhenTheCallerLeaves) {
  ServeGenerator(Script(1, {1}), {.context_size = 1 << 30, .num_slots = 1},
                 {.max_tokens = std::numeric_limits<int64_t>::max()});
  grpc::ClientContext context;
  auto reader = stub_->Generate(&context, EndlessRequest("a"));
  runner::v1::GenerateResponse response;
  ASSERT_TRUE(reader->Read(&response));
  context.TryCancel();
  EXPECT_EQ(Read(*reader).status.error_code(), grpc::CANCELLED);
  EXPECT_TRUE(service_.WaitIdle(absl::Seconds(60)));
  EXPECT_EQ(engine_->load().running_sequences(), 0u);
}

TEST_F(RunnerServiceTest, StopsAtTheDeadline) {
  ServeGenerator(Script(1, {1}), {.context_size = 1 << 30});
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  EXPECT_EQ(Read(*stub_->Generate(&context, EndlessRequest("a"))).status.error_code(),
            grpc::DEADLINE_EXCEEDED);
  EXPECT_TRUE(service_.WaitIdle(absl::Seconds(60)));
  EXPECT_EQ(engine_->load().running_sequences(), 0u);
}

// Nobody reads while the model decodes: what does not fit the connection's window is gathered, and
// comes in few messages.
TEST_F(RunnerServiceTest, GathersTextForASlowReader) {
  constexpr int kTokens = 200000;
  ServeGenerator(Script(1, {1}), {.context_size = kTokens});
  grpc::ClientContext context;
  auto reader = stub_->Generate(&context, EndlessRequest("a"));
  while (engine_->load().running_sequences() == 0) std::this_thread::yield();
  while (engine_->load().running_sequences() == 1) std::this_thread::yield();
  const Generated generated = Read(*reader);
  EXPECT_TRUE(generated.status.ok());
  EXPECT_EQ(generated.text, std::string(kTokens - 1, 'a'));
  EXPECT_EQ(generated.num_delta_tokens, kTokens - 1u);
  EXPECT_LT(generated.num_deltas, kTokens / 2);
}

TEST_F(RunnerServiceTest, GathersLogProbabilitiesWithTheText) {
  constexpr int kTokens = 20000;
  ServeGenerator(Script(1, {1}), {.context_size = kTokens});
  grpc::ClientContext context;
  runner::v1::GenerateRequest request = EndlessRequest("a");
  request.mutable_params()->set_logprobs(1);
  auto reader = stub_->Generate(&context, request);
  while (engine_->load().running_sequences() == 0) std::this_thread::yield();
  while (engine_->load().running_sequences() == 1) std::this_thread::yield();
  const Generated generated = Read(*reader);
  EXPECT_TRUE(generated.status.ok());
  EXPECT_EQ(generated.logprobs.size(), kTokens - 1u);
  EXPECT_EQ(generated.num_delta_tokens, kTokens - 1u);
  EXPECT_LT(generated.num_deltas, kTokens / 2);
}

TEST_F(RunnerServiceTest, RefusesWhatTheQueueDoesNotHold) {
  hold_model_ = true;
  ServeGenerator(Script(1, {1}), {.num_slots = 1}, {.max_calls = 1});
  const runner::v1::GenerateRequest request = GreedyRequest("a");
  grpc::ClientContext first_context, second_context;
  auto first = stub_->Generate(&first_context, request);
  while (engine_->load().running_sequences() == 0) std::this_thread::yield();
  auto second = stub_->Generate(&second_context, request);
  while (engine_->load().queued_sequences() == 0) std::this_thread::yield();
  const Generated third = Generate(request);
  EXPECT_EQ(third.status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(third.status.error_message(), HasSubstr("the queue has no room for another call"));
  gate_.Close();
  EXPECT_TRUE(Read(*first).status.ok());
  EXPECT_TRUE(Read(*second).status.ok());
}

}  // namespace
}  // namespace chorus::runner
