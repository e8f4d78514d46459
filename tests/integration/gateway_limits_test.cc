// api_server and one real runner_server, started by hand, at their limits: the largest requests and
// replies that are legal, and those that are refused, do no harm to anybody else's calls, nor to
// the memory; and want of descriptors passes.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
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
using ::testing::Not;

constexpr seconds kStartPatience(120);
constexpr char kModel[] = "gpt2-medium-generation";
constexpr size_t kMaxTextBytes = 1 << 20;
constexpr int kMaxTokens = 1 << 15;

// A line of /proc/PID/status, in MiB.
int64_t MemoryMib(const Process& process, const std::string& name) {
  std::ifstream file(absl::StrCat("/proc/", process.pid(), "/status"));
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) == 0) return std::stoll(line.substr(name.size() + 1)) >> 10;
  }
  return -1;
}

class GatewayLimitsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    runner_ = std::make_unique<Process>(
        std::vector<std::string>{CHORUS_BINARY_DIR "/runner_server", "--model",
                                 "models/demo/gpt2-medium", "--name", kModel, "--address",
                                 "127.0.0.1:0", "--metrics_address=", "--threads", "1",
                                 "--ports_file", dir_ + "/runner.ports"},
        dir_ + "/runner.log");
    runner_address_ = WaitForPort(dir_ + "/runner.ports", "grpc", kStartPatience);
    std::ofstream(dir_ + "/gateway.yaml")
        << "runners:\n- name: " << kModel << "\n  endpoints: ['" << runner_address_ << "']\n";
    gateway_ = std::make_unique<Process>(
        std::vector<std::string>{CHORUS_BINARY_DIR "/api_server", "--config",
                                 dir_ + "/gateway.yaml", "--http_address", "127.0.0.1:0",
                                 "--grpc_address", "127.0.0.1:0", "--ports_file",
                                 dir_ + "/gateway.ports"},
        dir_ + "/gateway.log");
    const std::string http = WaitForPort(dir_ + "/gateway.ports", "http", kStartPatience);
    ASSERT_FALSE(http.empty()) << gateway_->Log();
    http_port_ = static_cast<uint16_t>(std::stoi(http.substr(http.rfind(':') + 1)));
    gateway_address_ = WaitForPort(dir_ + "/gateway.ports", "grpc", kStartPatience);
    ASSERT_TRUE(Eventually([&] { return Get("/readyz") == 200; }, kStartPatience))
        << runner_->Log() << gateway_->Log();
    stub_ = v1::InferenceService::NewStub(
        grpc::CreateChannel(gateway_address_, grpc::InsecureChannelCredentials()));
  }

  void TearDown() override {
    gateway_.reset();
    runner_.reset();
    std::filesystem::remove_all(dir_);
  }

  int Get(const std::string& path) const {
    return gateway::SocketClient(http_port_)
        .Ask(
            absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
        .status;
  }

  grpc::Status Tokenize(const v1::TokenizeRequest& request, v1::TokenizeResponse& response) {
    grpc::ClientContext context;
    return stub_->Tokenize(&context, request, &response);
  }

  // One of each kind, as large as can be.
  void MakeLargestCalls() {
    v1::TokenizeRequest text;
    text.set_model(kModel);
    while (text.text().size() < kMaxTextBytes) *text.mutable_text() += "🙂";
    v1::TokenizeResponse tokens;
    text.set_limit(kMaxTokens);
    grpc::Status status = Tokenize(text, tokens);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(tokens.tokens_size(), kMaxTokens);
    text.clear_limit();
    text.set_ids_only(true);
    status = Tokenize(text, tokens);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_GT(tokens.ids_size(), kMaxTokens);
    grpc::ClientContext context;
    v1::DetokenizeRequest ids;
    ids.set_model(kModel);
    ids.mutable_ids()->Add(tokens.ids().begin(), tokens.ids().begin() + tokens.ids_size() / 2);
    v1::DetokenizeResponse back;
    status = stub_->Detokenize(&context, ids, &back);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(back.text().substr(0, 4), "🙂");
  }

  const std::string dir_ = MakeTempDir();
  std::unique_ptr<Process> runner_, gateway_;
  std::string runner_address_, gateway_address_;
  uint16_t http_port_ = 0;
  std::unique_ptr<v1::InferenceService::Stub> stub_;  // Of a client with gRPC's own limits.
};

TEST_F(GatewayLimitsTest, TheLargestCallsTakeNobodyElsesConnectionsNorKeepTheirMemory) {
  MakeLargestCalls();
  [[maybe_unused]] const int64_t before = MemoryMib(*gateway_, "VmRSS");
  std::atomic<int> num_running = 8;
  std::vector<std::future<void>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::async(std::launch::async, [&] {
      for (int round = 0; round < 3; ++round) MakeLargestCalls();
      --num_running;
    }));
  }
  int num_asked = 0;
  for (; num_running == 8; ++num_asked) ASSERT_EQ(Get("/livez"), 200);
  EXPECT_GT(num_asked, 0);
  for (auto& client : clients) client.get();
  // The gateway follows the runner's health on a connection whose pings want answers.
  EXPECT_THAT(gateway_->Log(), Not(HasSubstr("is not serving")));
#ifndef __SANITIZE_ADDRESS__  // Keeps what is freed.
  EXPECT_TRUE(Eventually([&] { return MemoryMib(*gateway_, "VmRSS") < before + 48; }, seconds(30)))
      << before << " and then " << MemoryMib(*gateway_, "VmRSS") << " MiB";
#endif
}

TEST_F(GatewayLimitsTest, WhatIsTooMuchForOneReplyIsRefusedWithTheWayOut) {
  v1::TokenizeRequest request;
  request.set_model(kModel);
  while (request.text().size() < kMaxTextBytes / 2) *request.mutable_text() += "🙂";
  v1::TokenizeResponse response;
  const grpc::Status status = Tokenize(request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("a reply at most 32768"));
  EXPECT_THAT(status.error_message(), HasSubstr("in pages, by limit and offset"));

  request.set_text("It was something beautiful, and everything together.");
  ASSERT_TRUE(Tokenize(request, response).ok());
  const v1::Token* longest = &response.tokens(0);
  for (const v1::Token& token : response.tokens()) {
    if (token.text().size() > longest->text().size()) longest = &token;
  }
  ASSERT_GE(longest->text().size(), 7u);  // So that their ids fit one request.
  v1::DetokenizeRequest ids;
  ids.set_model(kModel);
  const size_t num_ids = 3 * kMaxTextBytes / longest->text().size() + 1;
  for (size_t i = 0; i < num_ids; ++i) ids.add_ids(longest->id());
  grpc::ClientContext context;
  v1::DetokenizeResponse text;
  const grpc::Status too_long = stub_->Detokenize(&context, ids, &text);
  EXPECT_EQ(too_long.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(too_long.error_message(), HasSubstr("send fewer at once"));
}

// Both inflate a thousandfold.
TEST_F(GatewayLimitsTest, CompressedMessagesAreRefusedBeforeTheyAreInflated) {
  constexpr size_t kBytes = 24 << 20;
  runner::v1::TokenizeRequest to_runner;
  to_runner.set_text(std::string(kBytes, 'a'));
  v1::TokenizeRequest to_gateway;
  to_gateway.set_model(kModel);
  to_gateway.set_text(to_runner.text());
  const auto runner_stub = runner::v1::RunnerService::NewStub(
      grpc::CreateChannel(runner_address_, grpc::InsecureChannelCredentials()));
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    for (const bool gateway : {true, false}) {
      const Process& server = gateway ? *gateway_ : *runner_;
      const int64_t before = MemoryMib(server, "VmHWM");
      grpc::ClientContext context;
      context.set_compression_algorithm(algorithm);
      v1::TokenizeResponse from_gateway;
      runner::v1::TokenizeResponse from_runner;
      const grpc::Status status = gateway
                                      ? stub_->Tokenize(&context, to_gateway, &from_gateway)
                                      : runner_stub->Tokenize(&context, to_runner, &from_runner);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
      EXPECT_THAT(status.error_message(), HasSubstr("is disabled"));
      EXPECT_LT(MemoryMib(server, "VmHWM"), before + 16) << (gateway ? "gateway" : "runner");
    }
  }
  EXPECT_EQ(Get("/readyz"), 200);
}

TEST_F(GatewayLimitsTest, TakesAsManyDescriptorsAsItMay) {
  rlimit limit;
  ASSERT_EQ(prlimit(gateway_->pid(), RLIMIT_NOFILE, nullptr, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
}

TEST_F(GatewayLimitsTest, WantOfDescriptorsIsToldOnceAndPasses) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};
  ASSERT_EQ(prlimit(gateway_->pid(), RLIMIT_NOFILE, &none, nullptr), 0);
  gateway::SocketClient client(http_port_);
  const std::string words = "cannot accept HTTP connections";
  ASSERT_NE(gateway_->WaitForLine(words, kStartPatience), "");
  // It tries again ten times a second, and says nothing of it.
  EXPECT_FALSE(Eventually(
      [&] {
        const std::string log = gateway_->Log();
        return log.find(words) != log.rfind(words);
      },
      std::chrono::milliseconds(600)));
  ASSERT_EQ(prlimit(gateway_->pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
  EXPECT_EQ(client.Ask("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
}

}  // namespace
}  // namespace chorus
