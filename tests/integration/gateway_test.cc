// api_server and one real runner_server, started by hand: what a client that leaves, a late
// deadline and a drain do to the runner.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"
#include "proto/chorus/v1/inference.grpc.pb.h"
#include "tests/api_server/front/socket_client.h"
#include "tests/integration/process.h"

namespace chorus {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr seconds kStartPatience(120);
#ifdef __SANITIZE_ADDRESS__
constexpr int kSlowdown = 10;  // Of a step with the sanitizer.
#else
constexpr int kSlowdown = 1;
#endif

// gpt2-medium of the demo models behind a gateway.
class GatewayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = MakeTempDir();
    StartRunner("127.0.0.1:0", "127.0.0.1:0", 1);
    runner_address_ = WaitForPort(dir_ + "/runner.ports", "grpc", kStartPatience);
    runner_metrics_ = WaitForPort(dir_ + "/runner.ports", "metrics", kStartPatience);
    std::ofstream(dir_ + "/gateway.yaml")
        << "runners:\n- name: gpt2-medium-generation\n  endpoints: ['" << runner_address_ << "']\n";
    gateway_ = std::make_unique<Process>(
        std::vector<std::string>{CHORUS_BINARY_DIR "/api_server", "--config",
                                 dir_ + "/gateway.yaml", "--http_address", "127.0.0.1:0",
                                 "--grpc_address", "127.0.0.1:0", "--ports_file",
                                 dir_ + "/gateway.ports"},
        dir_ + "/gateway.log");
    http_ = WaitForPort(dir_ + "/gateway.ports", "http", kStartPatience);
    grpc_ = WaitForPort(dir_ + "/gateway.ports", "grpc", kStartPatience);
    ASSERT_FALSE(http_.empty()) << gateway_->Log();
    ASSERT_TRUE(Eventually(
        [&] {
          return Shell("curl -s -o /dev/null -w '%{http_code}' " + http_ + "/readyz").out == "200";
        },
        kStartPatience))
        << runner_->Log() << gateway_->Log();
  }

  virtual const char* dtype() const { return "auto"; }

  // In place of the one before.
  void StartRunner(const std::string& address, const std::string& metrics_address, int threads) {
    runner_ = std::make_unique<Process>(
        std::vector<std::string>{CHORUS_BINARY_DIR "/runner_server", "--model",
                                 "models/demo/gpt2-medium", "--name", "gpt2-medium-generation",
                                 "--address", address, "--metrics_address", metrics_address,
                                 "--dtype", dtype(), "--threads", std::to_string(threads),
                                 "--ports_file", dir_ + "/runner.ports"},
        dir_ + "/runner.log");
  }

  void TearDown() override {
    gateway_.reset();
    runner_.reset();
    std::filesystem::remove_all(dir_);
  }

  runner::v1::GetLoadResponse Load() const {
    auto stub = runner::v1::RunnerService::NewStub(
        grpc::CreateChannel(runner_address_, grpc::InsecureChannelCredentials()));
    runner::v1::GetLoadResponse load;
    grpc::ClientContext context;
    const grpc::Status status = stub->GetLoad(&context, {}, &load);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return load;
  }

  // The value of the runner's metric whose line starts with `name`; -1 if there is none.
  double Metric(const std::string& name) const {
    const std::string text = Shell("curl -s " + runner_metrics_ + "/metrics").out;
    std::smatch match;
    const std::regex line("(^|\n)" + name + R"((?:\{[^}]*\})? ([0-9.e+-]+))");
    return std::regex_search(text, match, line) ? std::stod(match[2]) : -1;
  }

  // A call that writes 252 tokens: greedily, since a sampled text may end after a few.
  std::string CurlCommand(const std::string& options) const {
    return "curl -s -o /dev/null -w '%{http_code}' " + options + " " + http_ +
           "/v1/models/gpt2-medium-generation:generate --json '{\"text\": \"Once\", "
           "\"max_length\": 256, \"do_sample\": false}'";
  }
  // Its status code.
  std::string Curl(const std::string& options) const { return Shell(CurlCommand(options)).out; }

  std::string dir_, runner_address_, runner_metrics_, http_, grpc_;
  std::unique_ptr<Process> runner_, gateway_;
};

TEST_F(GatewayTest, AClientThatLeavesFreesTheRunner) {
  std::vector<std::unique_ptr<Process>> leavers;
  for (int i = 0; i < 8; ++i) {
    leavers.push_back(std::make_unique<Process>(
        std::vector<std::string>{"/bin/sh", "-c", "exec " + CurlCommand("--max-time 60")},
        dir_ + "/curl.log"));
  }
  ASSERT_TRUE(Eventually([&] { return Load().running_sequences() > 0; }, seconds(30)));
  std::vector<std::future<std::string>> stayers;
  for (int i = 0; i < 8; ++i) {
    stayers.push_back(std::async(std::launch::async, [this] { return Curl("--max-time 60"); }));
  }
  for (const auto& leaver : leavers) leaver->Signal(SIGKILL);
  for (auto& stayer : stayers) EXPECT_EQ(stayer.get(), "200");
  EXPECT_TRUE(Eventually(
      [&] {
        const runner::v1::GetLoadResponse load = Load();
        return load.running_sequences() == 0 && load.queued_sequences() == 0;
      },
      seconds(10)));
  EXPECT_EQ(Load().kv_cache_used_ratio(), 0);
  EXPECT_GT(Metric("chorus_cancel_to_free_seconds_count"), 0);
  EXPECT_EQ(Curl("--max-time 60"), "200");
}

TEST_F(GatewayTest, ACancelledGrpcCallFreesTheRunner) {
  auto stub =
      v1::InferenceService::NewStub(grpc::CreateChannel(grpc_, grpc::InsecureChannelCredentials()));
  v1::GenerateRequest request;
  request.set_model("gpt2-medium-generation");
  request.set_text("Once");
  request.set_max_length(256);
  request.set_do_sample(false);  // As CurlCommand.
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::future<grpc::Status>> calls;
  for (int i = 0; i < 16; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    calls.push_back(std::async(std::launch::async, [&, context = contexts.back().get()] {
      v1::GenerateResponse response;
      return stub->Generate(context, request, &response);
    }));
  }
  ASSERT_TRUE(Eventually([&] { return Load().running_sequences() > 0; }, seconds(30)));
  for (const auto& context : contexts) context->TryCancel();
  for (auto& call : calls) {
    const grpc::Status status = call.get();
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::CANCELLED)
        << status.error_message();
  }
  EXPECT_TRUE(Eventually([&] { return Load().running_sequences() == 0; }, seconds(10)));
}

// Half leave unary calls over HTTP, half streams over gRPC, each after a random while; a few more
// keep the runner busy all along.
TEST_F(GatewayTest, AThousandCallsThatLeaveAtRandomLeaveNothingBehind) {
  constexpr int kThreads = 16, kCalls = 1000;
  const int port = std::stoi(http_.substr(http_.rfind(':') + 1));
  auto stub =
      v1::InferenceService::NewStub(grpc::CreateChannel(grpc_, grpc::InsecureChannelCredentials()));
  v1::GenerateRequest request;
  request.set_model("gpt2-medium-generation");
  request.set_text("Once");
  request.set_max_length(256);
  request.set_ignore_eos(true);
  const std::string body = R"({"text": "Once", "max_length": 256, "ignore_eos": true})";
  const std::string head = absl::StrCat(
      "POST /v1/models/gpt2-medium-generation:generate HTTP/1.1\r\nHost: "
      "localhost\r\nContent-Type: "
      "application/json\r\nContent-Length: ",
      body.size(), "\r\n\r\n");
  std::atomic<int> num_left = kCalls;
  std::vector<std::thread> callers;
  for (int t = 0; t < kThreads; ++t) {
    callers.emplace_back([&, t] {
      std::mt19937 random(t);
      while (num_left-- > 0) {
        const auto stay = std::chrono::microseconds(random() % 30'000);
        if (t % 2 == 0) {
          gateway::SocketClient client(port);
          client.Send(head + body);
          std::this_thread::sleep_for(stay);
          random() % 2 == 0 ? client.Close() : client.Reset();
        } else {
          grpc::ClientContext context;
          const auto reader = stub->StreamGenerate(&context, request);
          std::this_thread::sleep_for(stay);
          context.TryCancel();
          v1::StreamEvent event;
          while (reader->Read(&event)) {
          }
          const grpc::StatusCode code = reader->Finish().error_code();
          EXPECT_TRUE(code == grpc::StatusCode::CANCELLED || code == grpc::StatusCode::OK) << code;
        }
      }
    });
  }
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Curl("--max-time 60"), "200");
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(Eventually(
      [&] {
        const runner::v1::GetLoadResponse load = Load();
        return load.running_sequences() == 0 && load.queued_sequences() == 0 &&
               load.queued_tokens() == 0 && load.kv_cache_used_ratio() == 0;
      },
      seconds(10)))
      << Load().DebugString();
  const double num_freed = Metric("chorus_cancel_to_free_seconds_count");
  EXPECT_GT(num_freed, 10);
  // Within a step: some milliseconds, but for a machine that has other things to do.
  EXPECT_LT(Metric("chorus_cancel_to_free_seconds_sum") / num_freed, 0.25 * kSlowdown);
  EXPECT_EQ(Curl("--max-time 60"), "200");
}

TEST_F(GatewayTest, ADeadlineEndsDecoding) {
  std::vector<std::future<std::string>> replies;
  for (int i = 0; i < 16; ++i) {
    replies.push_back(std::async(std::launch::async, [this, i] {
      return Shell(CurlCommand("-D - -H 'X-Request-Timeout-Ms: " + std::to_string(i < 8 ? 60 : 6) +
                               "'"))
          .out;
    }));
  }
  // What has a token in time is a text that ends early; what has none, an error. A busy machine may
  // make one of the other.
  for (auto& reply : replies) {
    const std::string out = reply.get();
    const bool is_whole =
        out.ends_with("200") && out.find("X-Chorus-Finish-Reason: deadline") != std::string::npos;
    EXPECT_TRUE(is_whole || out.ends_with("504")) << out;
  }
  EXPECT_TRUE(Eventually([&] { return Load().running_sequences() == 0; }, seconds(10)));
}

TEST_F(GatewayTest, AStoppedRunnerMakesTheGatewayUnreadyUntilItIsBack) {
  runner_->Signal(SIGTERM);
  EXPECT_EQ(runner_->WaitForExit(seconds(60)), 0) << runner_->Log();
  EXPECT_TRUE(Eventually(
      [&] { return Shell("curl -s " + http_ + "/readyz").out == "Runners are not ready."; },
      seconds(10)));
  EXPECT_EQ(Curl("--max-time 10"), "503");
  EXPECT_EQ(Shell("curl -s -o /dev/null -w '%{http_code}' " + http_ + "/livez").out, "200");
  StartRunner(runner_address_, "", 1);
  EXPECT_TRUE(Eventually([&] { return Curl("--max-time 10") == "200"; }, kStartPatience))
      << runner_->Log();
}

TEST_F(GatewayTest, DrainsOnSigterm) {
  std::vector<std::future<std::string>> replies;
  for (int i = 0; i < 16; ++i) {
    replies.push_back(std::async(std::launch::async, [this] { return Curl("--max-time 60"); }));
  }
  ASSERT_TRUE(Eventually([&] { return Load().running_sequences() > 0; }, seconds(30)));
  gateway_->Signal(SIGTERM);
  int answered = 0;
  for (auto& reply : replies) {
    const std::string code = reply.get();
    answered += code == "200";
    // A call that came after the signal is refused, or finds no one listening; none is cut off.
    EXPECT_TRUE(code == "200" || code == "503" || code == "000") << code;
  }
  EXPECT_GT(answered, 0);
  EXPECT_EQ(gateway_->WaitForExit(seconds(60)), 0) << gateway_->Log();
}

// A runner of each dtype.
class BitsTest : public GatewayTest, public ::testing::WithParamInterface<const char*> {
 protected:
  const char* dtype() const override { return GetParam(); }

  // The text a call makes over HTTP; sampled hot, so that the smallest difference would show.
  std::string Generate(const std::string& prompt, int max_length, int seed) const {
    const ShellResult result =
        Shell("curl -s --max-time " + std::to_string(60 * kSlowdown) + " " + http_ +
              "/v1/models/gpt2-medium-generation:generate --json '" +
              absl::StrCat("{\"text\": \"", prompt, "\", \"max_length\": ", max_length,
                           ", \"temperature\": 2, \"top_k\": 0, \"seed\": ", seed, "}'"));
    EXPECT_THAT(result.out, HasSubstr("generated"));
    return result.out;
  }
};

TEST_P(BitsTest, ASeededTextIsTheSameInAnyCompanyOverGrpcAndAfterARestart) {
  const std::string alone = Generate("Once upon a time", 120, 7);

  std::vector<std::future<std::string>> others;
  for (int i = 0; i < 31; ++i) {
    others.push_back(std::async(std::launch::async, [this, i] {
      return Generate(std::string(i + 1, 'a'), 60 + 4 * i, i);
    }));
  }
  ASSERT_TRUE(Eventually([&] { return Load().running_sequences() > 1; }, seconds(30)));
  EXPECT_EQ(Generate("Once upon a time", 120, 7), alone);
  for (auto& other : others) other.get();

  auto stub =
      v1::InferenceService::NewStub(grpc::CreateChannel(grpc_, grpc::InsecureChannelCredentials()));
  v1::GenerateRequest request;
  request.set_model("gpt2-medium-generation");
  request.set_text("Once upon a time");
  request.set_max_length(120);
  request.set_temperature(2);
  request.set_top_k(0);
  request.set_seed(7);
  v1::GenerateResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub->Generate(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.generated(), nlohmann::json::parse(alone)["generated"].get<std::string>());

  runner_->Signal(SIGKILL);
  EXPECT_EQ(runner_->WaitForExit(seconds(60)), 128 + SIGKILL);
  StartRunner(runner_address_, "", 2);
  ASSERT_TRUE(Eventually([&] { return Curl("--max-time 10") == "200"; }, kStartPatience))
      << runner_->Log();
  EXPECT_EQ(Generate("Once upon a time", 120, 7), alone);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, BitsTest,
                         ::testing::Values("float32", "bfloat16", "int8", "int8_weight_only"),
                         [](const auto& info) { return std::string(info.param); });

TEST(RunnerServer, SaysWhyItCannotLoad) {
  const std::string dir = MakeTempDir();
  std::filesystem::copy("models/demo/gpt2", dir + "/model");
  std::filesystem::resize_file(dir + "/model/model.safetensors", 1000);
  Process runner({CHORUS_BINARY_DIR "/runner_server", "--model", dir + "/model", "--name", "gpt2",
                  "--address", "unix:" + dir + "/s", "--metrics_address", ""},
                 dir + "/log");
  EXPECT_EQ(runner.WaitForExit(kStartPatience), 1);
  EXPECT_THAT(runner.Log(), HasSubstr("model.safetensors"));
  std::filesystem::remove_all(dir);
}

TEST(ApiServer, RefusesAGraphThatNamesNoRunner) {
  const std::string dir = MakeTempDir();
  std::ofstream(dir + "/gateway.yaml") << "runners:\n- name: a\n  endpoints: ['127.0.0.1:1']\n";
  Process gateway({CHORUS_BINARY_DIR "/api_server", "--config", dir + "/gateway.yaml", "--graph",
                   "examples/graphs/inference_graph.yaml", "--http_address", "127.0.0.1:0",
                   "--grpc_address", "127.0.0.1:0"},
                  dir + "/log");
  EXPECT_EQ(gateway.WaitForExit(kStartPatience), 1);
  EXPECT_THAT(gateway.Log(), HasSubstr("gpt2-generation"));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace chorus
