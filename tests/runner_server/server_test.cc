#include "runner_server/server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"
#include "runner_server/engine/mailbox.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/load_tokenizer.h"
#include "tests/runner_server/metrics/http_get.h"

namespace chorus::runner {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kServing = 1;  // Of grpc.health.v1.HealthCheckResponse.ServingStatus.
constexpr int kNotServing = 2;

RunnerFlags Flags(const std::string& model) {
  RunnerFlags flags;
  flags.model = "models/demo/" + model;
  flags.name = model;
  flags.version = "demo";
  flags.address = "127.0.0.1:0";
  flags.metrics_address = "";
  flags.dtype = "float32";  // What the golden data is of.
  flags.threads = 1;
  return flags;
}

// A whole runner but for main, and a channel to it.
class RunnerServerTest : public ::testing::Test {
 protected:
  void Listen(const RunnerFlags& flags) {
    auto server = RunnerServer::Listen(flags);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    stub_ = runner::v1::RunnerService::NewStub(channel_);
  }

  void Serve(const RunnerFlags& flags) {
    Listen(flags);
    const absl::Status loaded = server_->Load();
    ASSERT_TRUE(loaded.ok()) << loaded;
  }

  // grpc.health.v1.Health/Check, its two one-field messages by hand.
  int Health(const std::string& name) {
    std::string bytes;
    if (!name.empty()) bytes = absl::StrCat("\x0a", std::string(1, char(name.size())), name);
    const grpc::Slice slice(bytes);
    grpc::ByteBuffer request(&slice, 1), response;
    grpc::ClientContext context;
    Mailbox<grpc::Status> done;
    grpc::GenericStub(channel_).UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request,
                                          &response,
                                          [&](grpc::Status status) { done.TryPush(status); });
    const grpc::Status status = *done.Take();
    if (!status.ok()) return -status.error_code();
    std::vector<grpc::Slice> slices;
    EXPECT_TRUE(response.Dump(&slices).ok());
    return slices.empty() ? 0 : slices[0].begin()[1];
  }

  struct Generated {
    std::string text;
    chorus::v1::GenerationEnd finished;
    grpc::Status status;
  };

  Generated Generate(const runner::v1::GenerateRequest& request) {
    grpc::ClientContext context;
    auto reader = stub_->Generate(&context, request);
    Generated generated;
    runner::v1::GenerateResponse response;
    while (reader->Read(&response)) {
      generated.text += response.delta().text();
      if (response.has_finished()) generated.finished = response.finished();
    }
    generated.status = reader->Finish();
    return generated;
  }

  std::unique_ptr<RunnerServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<runner::v1::RunnerService::Stub> stub_;
};

runner::v1::GenerateRequest SampledRequest(const std::string& text, uint64_t seed) {
  runner::v1::GenerateRequest request;
  request.set_text(text);
  request.mutable_params()->set_max_length(60);
  chorus::v1::GenerationParams& sampling = *request.mutable_params();
  sampling.set_seed(seed);
  return request;
}

TEST_F(RunnerServerTest, RefusesAnUntrainedHeadThatNothingNeeds) {
  for (const auto& [model, what] : std::vector<std::pair<std::string, std::string>>{
           {"distilgpt2", "(GPT2LMHeadModel) is a generator, which has no classification head"},
           {"bert-sst2", "(BertForSequenceClassification) has a classification head of its own"}}) {
    RunnerFlags flags = Flags(model);
    flags.untrained_head = 7;
    Listen(flags);
    const absl::Status loaded = server_->Load();
    EXPECT_EQ(loaded.code(), absl::StatusCode::kInvalidArgument) << loaded;
    EXPECT_THAT(std::string(loaded.message()), HasSubstr(what));
  }
}

TEST_F(RunnerServerTest, ServesOnlyOnceTheModelHasRun) {
  Listen(Flags("distilgpt2"));
  EXPECT_EQ(Health(""), kNotServing);
  EXPECT_EQ(Health("readiness"), kNotServing);
  EXPECT_EQ(Health("distilgpt2"), kNotServing);
  EXPECT_EQ(Health("liveness"), kServing);
  EXPECT_EQ(Health("no such"), -grpc::NOT_FOUND);
  EXPECT_EQ(Generate(SampledRequest("a", 1)).status.error_code(), grpc::UNAVAILABLE);
  ASSERT_TRUE(server_->Load().ok());
  for (const char* name : {"", "readiness", "distilgpt2", "liveness"}) {
    EXPECT_EQ(Health(name), kServing) << name;
  }
  server_->SetNotReady();
  EXPECT_EQ(Health(""), kNotServing);
  EXPECT_EQ(Health("liveness"), kServing);
  EXPECT_TRUE(Generate(SampledRequest("a", 1)).status.ok());  // Still answers.
}

// Fifty prompts at once, so that they share batches; each must come out as transformers writes it
// alone.
TEST_F(RunnerServerTest, WritesHuggingFacesGreedyTexts) {
  Serve(Flags("distilgpt2"));
  std::ifstream file("tests/testdata/models/distilgpt2.json");
  const nlohmann::json golden = nlohmann::json::parse(file)["greedy"];
  ASSERT_GE(golden.size(), 50u);
  const auto tokenizer = LoadTokenizer("models/demo/distilgpt2");
  ASSERT_TRUE(tokenizer.ok());
  const auto decode = [&](const std::vector<int32_t>& ids) {
    Detokenizer detokenizer(*(*tokenizer)->bytes());
    std::string text;
    for (const int32_t id : ids) text += detokenizer.Append(id);
    return text + detokenizer.Finish();
  };
  std::deque<Generated> generated(golden.size());
  std::vector<std::thread> callers;
  for (size_t i = 0; i < golden.size(); ++i) {
    callers.emplace_back([&, i] {
      runner::v1::GenerateRequest request;
      request.mutable_params()->set_do_sample(false);
      request.set_text(decode(golden[i]["ids"]));
      request.mutable_params()->set_max_new_tokens(
          static_cast<uint32_t>(golden[i]["new_ids"].size()));
      generated[i] = Generate(request);
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (size_t i = 0; i < golden.size(); ++i) {
    EXPECT_TRUE(generated[i].status.ok()) << generated[i].status.error_message();
    EXPECT_EQ(generated[i].text, decode(golden[i]["new_ids"]));
    EXPECT_EQ(generated[i].finished.prompt_tokens(), golden[i]["ids"].size());
    EXPECT_EQ(generated[i].finished.generated_tokens(), golden[i]["new_ids"].size());
  }
}

TEST_F(RunnerServerTest, SamplesTheSameTextAloneAndInCompany) {
  Serve(Flags("gpt2"));
  constexpr int kRequests = 20;
  std::vector<std::string> alone;
  for (int seed = 0; seed < kRequests; ++seed) {
    alone.push_back(Generate(SampledRequest("I have an idea!", seed)).text);
  }
  EXPECT_NE(alone[0], alone[1]);
  std::deque<Generated> together(kRequests);
  std::vector<std::thread> callers;
  for (int seed = 0; seed < kRequests; ++seed) {
    callers.emplace_back(
        [&, seed] { together[seed] = Generate(SampledRequest("I have an idea!", seed)); });
  }
  for (std::thread& caller : callers) caller.join();
  for (int seed = 0; seed < kRequests; ++seed) EXPECT_EQ(together[seed].text, alone[seed]);
}

TEST_F(RunnerServerTest, SaysWhyItsBatchesHeldWhatTheyHeld) {
  RunnerFlags flags = Flags("gpt2");
  flags.metrics_address = "127.0.0.1:0";
  flags.kv_cache_bytes = 100 * 6 * 3 * 2 * 64 * 4;  // 100 tokens: layers, heads, K and V, fp32.
  Serve(flags);
  const std::string secret = "I have a secret idea";
  std::vector<std::string> alone;
  constexpr int kRequests = 6;
  for (int seed = 0; seed < kRequests; ++seed) {
    alone.push_back(Generate(SampledRequest(secret, seed)).text);
  }
  std::deque<Generated> together(kRequests);
  std::vector<std::thread> callers;
  for (int seed = 0; seed < kRequests; ++seed) {
    callers.emplace_back([&, seed] { together[seed] = Generate(SampledRequest(secret, seed)); });
  }
  for (std::thread& caller : callers) caller.join();
  for (int seed = 0; seed < kRequests; ++seed) EXPECT_EQ(together[seed].text, alone[seed]);

  const std::string address = server_->metrics_address();
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  const std::string page = Body(HttpGet(port, "/debug/batcher"));
  EXPECT_THAT(page, ::testing::Not(HasSubstr("secret")));
  const nlohmann::json steps = nlohmann::json::parse(page)["steps"];
  EXPECT_EQ(steps.size(), 256u);
  int num_preempted = 0, num_limited = 0;
  for (const nlohmann::json& step : steps) {
    num_preempted += step["preempted"].get<int>();
    num_limited += step["limited_by"] == "kv_bytes";
  }
  EXPECT_GT(num_preempted, 0);
  EXPECT_GT(num_limited, num_preempted);
  EXPECT_GT(steps.back()["predicted_ms"], 0);
  EXPECT_THAT(Body(HttpGet(port, "/metrics")),
              HasSubstr("chorus_step_limited_total{model=\"gpt2\",reason=\"kv_bytes\"}"));
}

TEST_F(RunnerServerTest, RefusesAKvCacheWithoutRoomForAToken) {
  RunnerFlags flags = Flags("gpt2");
  flags.kv_cache_bytes = 1000;
  Listen(flags);
  EXPECT_EQ(server_->Load().message(),
            "kv_cache_bytes must be at least 147456, a block of 16 tokens, or 0 for no cap: 1000");
}

TEST_F(RunnerServerTest, ContinuesTheEmptyText) {
  Serve(Flags("distilgpt2"));
  const Generated generated = Generate(SampledRequest("", 3));
  EXPECT_TRUE(generated.status.ok());
  EXPECT_EQ(generated.finished.prompt_tokens(), 1u);
  EXPECT_FALSE(generated.text.empty());
}

TEST_F(RunnerServerTest, TellsBothNumbersOfAPromptThatIsTooLong) {
  Serve(Flags("distilgpt2"));
  runner::v1::GenerateRequest request = SampledRequest("one two three four five", 1);
  request.mutable_params()->set_max_length(3);
  const Generated generated = Generate(request);
  EXPECT_EQ(generated.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(generated.status.error_message(), HasSubstr("tokens, max_length is 3 ("));
}

TEST_F(RunnerServerTest, ClassifiesAsHuggingFaceDoes) {
  Serve(Flags("bert-sst2"));
  std::ifstream file("tests/testdata/models/bert-sst2.json");
  const nlohmann::json golden = nlohmann::json::parse(file)["rows"][0];
  grpc::ClientContext context;
  runner::v1::ClassifyRequest request;
  request.add_texts("it's a charming and often affecting journey.");  // The golden's first row.
  request.add_texts(std::string(5000, 'z') + " bad");
  runner::v1::ClassifyResponse response;
  ASSERT_TRUE(stub_->Classify(&context, request, &response).ok());
  EXPECT_THAT(response.labels(), ElementsAre("NEGATIVE", "POSITIVE"));
  ASSERT_EQ(response.results_size(), 2);
  EXPECT_EQ(response.results(0).num_tokens(), golden["ids"].size());
  EXPECT_THAT(response.results(0).scores(),
              ElementsAre(DoubleNear(golden["probabilities"][0], 1e-5),
                          DoubleNear(golden["probabilities"][1], 1e-5)));
  EXPECT_EQ(Generate(SampledRequest("a", 1)).status.error_message(),
            "model bert-sst2 (BertForSequenceClassification) is a classifier, which implements "
            "Classify, not Generate");
}

TEST_F(RunnerServerTest, CutsTextsAtTheContext) {
  Serve(Flags("bert-sst2"));
  grpc::ClientContext context;
  runner::v1::ClassifyRequest request;
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "bad ";
  request.add_texts(text);
  runner::v1::ClassifyResponse response;
  ASSERT_TRUE(stub_->Classify(&context, request, &response).ok());
  EXPECT_EQ(response.results(0).num_tokens(), 512u);
}

TEST_F(RunnerServerTest, SaysWhyAModelCannotBeLoaded) {
  RunnerFlags flags = Flags("no such model");
  Listen(flags);
  const absl::Status status = server_->Load();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("models/demo/no such model"));
  EXPECT_EQ(Health(""), kNotServing);
}

TEST_F(RunnerServerTest, RefusesAnAddressThatIsTaken) {
  Listen(Flags("distilgpt2"));
  RunnerFlags flags = Flags("distilgpt2");
  flags.address = server_->address();
  const auto second = RunnerServer::Listen(flags);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("another program listens on " + server_->address()));
  flags = Flags("distilgpt2");
  flags.metrics_address = server_->address();
  EXPECT_THAT(std::string(RunnerServer::Listen(flags).status().message()),
              HasSubstr("cannot serve metrics on " + server_->address()));
}

TEST_F(RunnerServerTest, WritesWhereItListens) {
  RunnerFlags flags = Flags("distilgpt2");
  flags.metrics_address = "127.0.0.1:0";
  flags.ports_file = std::filesystem::path(::testing::TempDir()) / "runner_server_ports";
  Listen(flags);
  std::ifstream file(flags.ports_file);
  EXPECT_EQ(
      std::string(std::istreambuf_iterator<char>(file), {}),
      absl::StrCat("grpc=", server_->address(), "\nmetrics=", server_->metrics_address(), "\n"));
  EXPECT_THAT(server_->metrics_address(), ::testing::Not(::testing::EndsWith(":0")));
}

TEST_F(RunnerServerTest, SaysInThePortsFileWhenItHasLoaded) {
  RunnerFlags flags = Flags("distilgpt2");
  flags.ports_file = std::filesystem::path(::testing::TempDir()) / "runner_server_ready";
  Serve(flags);
  std::ifstream file(flags.ports_file);
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(file), {}),
              ::testing::EndsWith("\nready=true\n"));
}

TEST_F(RunnerServerTest, ListensOnAUnixSocket) {
  RunnerFlags flags = Flags("distilgpt2");
  flags.address = absl::StrCat("unix:", ::testing::TempDir(), "/chorus_runner_", getpid());
  Serve(flags);
  EXPECT_EQ(server_->address(), flags.address);
  EXPECT_TRUE(Generate(SampledRequest("a", 1)).status.ok());
}

TEST_F(RunnerServerTest, DrainsWhatItHasAccepted) {
  Serve(Flags("gpt2"));
  runner::v1::GenerateRequest request = SampledRequest("Once upon a time", 5);
  request.mutable_params()->set_max_length(256);
  constexpr int kRequests = 8;
  std::deque<Generated> generated(kRequests);
  std::deque<grpc::ClientContext> contexts(kRequests);
  std::vector<std::unique_ptr<grpc::ClientReader<runner::v1::GenerateResponse>>> readers;
  runner::v1::GenerateResponse response;
  for (grpc::ClientContext& context : contexts) {
    readers.push_back(stub_->Generate(&context, request));
    ASSERT_TRUE(readers.back()->Read(&response));  // Accepted, and running.
  }
  server_->Drain(absl::Minutes(5));
  for (auto& reader : readers) {
    bool finished = response.has_finished();
    while (reader->Read(&response)) finished = response.has_finished();
    EXPECT_TRUE(finished);
    EXPECT_TRUE(reader->Finish().ok());
  }
  EXPECT_EQ(Generate(request).status.error_code(), grpc::UNAVAILABLE);
}

TEST_F(RunnerServerTest, EndsTheRestWhenTheDrainIsOver) {
  RunnerFlags flags = Flags("gpt2-medium");
  flags.max_sequences = 1;
  Serve(flags);
  runner::v1::GenerateRequest request = SampledRequest("Once upon a time", 5);
  request.mutable_params()->set_max_length(256);
  constexpr int kRequests = 30;  // Far more than can run in the time.
  std::deque<grpc::ClientContext> contexts(kRequests);
  std::vector<std::unique_ptr<grpc::ClientReader<runner::v1::GenerateResponse>>> readers;
  runner::v1::GenerateResponse response;
  for (grpc::ClientContext& context : contexts) {
    readers.push_back(stub_->Generate(&context, request));
    // The first runs before the others come: which of several comes first, gRPC does not say.
    if (readers.size() == 1) {
      ASSERT_TRUE(readers[0]->Read(&response));
    }
  }
  server_->Drain(absl::ZeroDuration());
  int num_unavailable = 0;
  for (auto& reader : readers) {
    while (reader->Read(&response)) {
    }
    const grpc::Status status = reader->Finish();
    if (status.error_code() == grpc::UNAVAILABLE) ++num_unavailable;
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::UNAVAILABLE) << status.error_message();
  }
  EXPECT_GT(num_unavailable, kRequests / 2);
}

}  // namespace
}  // namespace chorus::runner
