// `runner_server --reload` under a closed loop of calls, unary and streamed, by itself and behind a
// gateway: other versions of its model come, good ones and such as cannot be served. No call fails.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/chorus/runner/v1/runner.grpc.pb.h"
#include "tests/integration/call_loops.h"
#include "tests/integration/process.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr seconds kPatience(120);  // On a busy machine, perhaps under a sanitizer.

class RunnerReloadTest : public ::testing::Test {
 protected:
  RunnerReloadTest() : dir_(MakeTempDir()), model_(dir_ + "/gpt2") {}
  ~RunnerReloadTest() override {
    gateway_.reset();
    runner_.reset();
    fs::remove_all(dir_);
  }

  // Puts a version beside those that are there, as the store does.
  void Copy(const std::string& demo, const std::string& version) const {
    fs::create_directories(model_);
    fs::copy("models/demo/" + demo, model_ + "/" + version);
  }
  void AddVersion(const std::string& version, const std::string& demo) const {
    Copy(demo, version);
    SetLatest(version);
  }
  void SetLatest(const std::string& version) const {
    std::ofstream(model_ + "/next") << version << "\n";
    fs::rename(model_ + "/next", model_ + "/latest");
  }

  void Start() {
    const std::string address = "unix:" + dir_ + "/runner";
    runner_ = std::make_unique<Process>(
        std::vector<std::string>{CHORUS_BINARY_DIR "/runner_server", "--reload", "--model", model_,
                                 "--address", address, "--metrics_address", "", "--threads", "1",
                                 "--drain_timeout", "60s"},
        dir_ + "/runner.log");
    ASSERT_NE(runner_->WaitForLine("event=serving", kPatience), "") << runner_->Log();
    stub_ = runner::v1::RunnerService::NewStub(
        grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    std::ofstream(dir_ + "/gateway.yaml")
        << "runners: [{name: gpt2, endpoints: ['" << address << "']}]\n";
    gateway_ = std::make_unique<Process>(
        std::vector<std::string>{CHORUS_BINARY_DIR "/api_server", "--config",
                                 dir_ + "/gateway.yaml", "--http_address", "127.0.0.1:0",
                                 "--grpc_address", "127.0.0.1:0", "--no-access_log", "--ports_file",
                                 dir_ + "/ports"},
        dir_ + "/gateway.log");
    http_ = WaitForPort(dir_ + "/ports", "http", kPatience);
    ASSERT_TRUE(Eventually(
        [this] { return Shell("curl -sf " + http_ + "/readyz").exit_status == 0; }, kPatience))
        << gateway_->Log();
  }

  struct Text {
    std::string text;
    std::string version;
    grpc::Status status;
  };
  Text Generate(uint32_t num_tokens, const std::function<void()>& on_begin = {}) {
    runner::v1::GenerateRequest request;
    request.set_text("It was");
    request.mutable_params()->set_seed(7);
    request.mutable_params()->set_ignore_eos(true);
    request.mutable_params()->set_max_new_tokens(num_tokens);
    grpc::ClientContext context;
    const auto reader = stub_->Generate(&context, request);
    Text text;
    runner::v1::GenerateResponse response;
    bool begun = false;
    while (reader->Read(&response)) {
      text.text += response.delta().text();
      text.version = response.finished().model_version();
      if (!std::exchange(begun, true) && on_begin) on_begin();
    }
    text.status = reader->Finish();
    return text;
  }

  std::string ServedVersion() {
    grpc::ClientContext context;
    runner::v1::GetModelInfoResponse info;
    return stub_->GetModelInfo(&context, {}, &info).ok() ? info.version() : "?";
  }
  std::string Metrics() {
    grpc::ClientContext context;
    runner::v1::GetMetricsResponse metrics;
    EXPECT_TRUE(stub_->GetMetrics(&context, {}, &metrics).ok());
    return metrics.text();
  }
  double Metric(const std::string& series) {
    const std::string text = Metrics();
    const size_t at = text.find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
  }

  void WaitForLines(const std::string& text, int count) const {
    EXPECT_TRUE(runner_->WaitForCount(text, count, kPatience)) << runner_->Log();
  }
  void RepeatAll() {
    loops_.Add("stream", [this] { return Generate(20).status.error_message(); });
    loops_.Add("unary", [this] {
      grpc::ClientContext context;
      runner::v1::TokenizeRequest request;
      request.set_text("I have an idea!");
      runner::v1::TokenizeResponse response;
      const grpc::Status status = stub_->Tokenize(&context, request, &response);
      return status.ok() && response.num_tokens() == 0 ? "no tokens" : status.error_message();
    });
    loops_.Add("health", [this] {
      const ShellResult health = Shell(
          absl::StrCat(CHORUS_BINARY_DIR "/runner_server --check_health unix:", dir_, "/runner"));
      return health.exit_status == 0 ? "" : health.out;
    });
    loops_.Add("HTTP", [this] {
      const std::string out = Post("generate", "");
      return out.ends_with("200") ? "" : out;
    });
    loops_.Add("HTTP stream", [this] {
      const std::string out = Post("streamGenerate", "-N -H 'Accept: application/x-ndjson' ");
      const bool good = out.ends_with("200") && out.find("finish_reason") != std::string::npos &&
                        out.find("\"error\"") == std::string::npos;
      return good ? "" : out;
    });
  }
  void ExpectNoFailures() { loops_.ExpectNoFailures(2); }
  // The body, and after it the code.
  std::string Post(const std::string& method, const std::string& options) const {
    return Shell(absl::StrCat("curl -s --max-time 300 -w '%{http_code}' ", options, http_,
                              "/v1/models/gpt2:", method,
                              " --json '{\"text\": \"It was\", \"max_new_tokens\": 6, "
                              "\"explain\": true}'"))
        .out;
  }

  const std::string dir_;
  const std::string model_;
  std::unique_ptr<Process> runner_, gateway_;
  std::unique_ptr<runner::v1::RunnerService::Stub> stub_;
  std::string http_;
  CallLoops loops_;
};

TEST_F(RunnerReloadTest, NoCallFailsWhileVersionsChange) {
  AddVersion("v1", "gpt2");
  Start();
  const Text first = Generate(200);
  ASSERT_TRUE(first.status.ok()) << first.status.error_message();
  EXPECT_EQ(first.version, "v1");
  RepeatAll();

  // A stream that has begun goes on with the old one.
  const Text across = Generate(200, [this] {
    AddVersion("v2", "distilgpt2");
    runner_->Signal(SIGHUP);  // At once.
    WaitForLines("event=reloaded", 1);
  });
  EXPECT_TRUE(across.status.ok()) << across.status.error_message();
  EXPECT_EQ(across.version, "v1");
  EXPECT_EQ(across.text, first.text);
  const Text second = Generate(200);
  EXPECT_EQ(second.version, "v2");
  EXPECT_NE(second.text, first.text);
  EXPECT_EQ(ServedVersion(), "v2");
  EXPECT_THAT(Post("generate", ""), HasSubstr("\"model_version\":\"v2\""));

  // What cannot be served is said once, and not tried again.
  const double tokens = Metric("chorus_generated_tokens_total{model=\"gpt2\"}");
  fs::create_directory(model_ + "/empty");
  SetLatest("empty");
  WaitForLines("event=not_reloaded", 1);
  AddVersion("other", "bert-sst2");
  WaitForLines("event=not_reloaded", 2);
  Copy("gpt2", "broken");
  fs::resize_file(model_ + "/broken/model.safetensors", 1 << 20);
  SetLatest("broken");
  WaitForLines("event=not_reloaded", 3);
  EXPECT_THAT(runner_->Log(),
              AllOf(HasSubstr("no config.json in "), HasSubstr("/gpt2/empty: give a Hugging Face"),
                    HasSubstr("it is a BertForSequenceClassification (TASK_CLASSIFY), and a "
                              "GPT2LMHeadModel (TASK_GENERATE) serves"),
                    HasSubstr("version=broken directory=")));
  EXPECT_EQ(ServedVersion(), "v2");
  EXPECT_EQ(Generate(200).text, second.text);

  for (int i = 3; i < 8; ++i) {
    AddVersion(absl::StrCat("v", i), i % 2 == 1 ? "gpt2" : "distilgpt2");
    WaitForLines("event=reloaded", i - 1);
    const Text text = Generate(200);
    EXPECT_EQ(text.version, absl::StrCat("v", i));
    EXPECT_EQ(text.text, i % 2 == 1 ? first.text : second.text);
  }
  ExpectNoFailures();
  EXPECT_EQ(runner_->Count("event=not_reloaded"), 3) << runner_->Log();
  EXPECT_EQ(Metric("chorus_model_reloads_total{model=\"gpt2\",result=\"ok\"}"), 6);
  EXPECT_EQ(Metric("chorus_model_reloads_total{model=\"gpt2\",result=\"error\"}"), 3);
  EXPECT_GT(Metric("chorus_generated_tokens_total{model=\"gpt2\"}"), tokens);
  EXPECT_EQ(Metric("chorus_runner_running_sequences{model=\"gpt2\"}"), 0);
  EXPECT_EQ(Metric("chorus_rejected_total{model=\"gpt2\",reason=\"draining\"}"), 0);
  // Every version's calls are over.
  const std::string metrics = Metrics();
  EXPECT_THAT(metrics,
              AllOf(HasSubstr("service_version=\"v1\""), HasSubstr("service_version=\"v7\"")));
  for (const char* version : {"v1", "v2", "v7"}) {
    EXPECT_THAT(metrics,
                HasSubstr(absl::StrCat("bentoml_runner_request_in_progress{endpoint=\"Generate\","
                                       "runner_name=\"gpt2\",service_name=\"chorus\","
                                       "service_version=\"",
                                       version, "\"} 0\n")));
  }
  // The gateway has seen one replica that served all the time.
  EXPECT_THAT(gateway_->Log(), Not(HasSubstr("is not serving")));
  runner_->Signal(SIGTERM);
  EXPECT_EQ(runner_->WaitForExit(kPatience), 0) << runner_->Log();
}

TEST_F(RunnerReloadTest, AStopDuringAMoveLetsBothModelsEnd) {
  AddVersion("v1", "gpt2");
  Start();
  const Text text = Generate(200, [this] {
    AddVersion("v2", "distilgpt2");
    runner_->Signal(SIGHUP);
    WaitForLines("event=reloaded", 1);
    runner_->Signal(SIGTERM);
    WaitForLines("event=draining", 1);
  });
  EXPECT_TRUE(text.status.ok()) << text.status.error_message();
  EXPECT_EQ(text.version, "v1");
  EXPECT_EQ(runner_->WaitForExit(kPatience), 0) << runner_->Log();
  EXPECT_THAT(runner_->Log(), HasSubstr("event=stopped"));
}

// As a person replaces one, file by file.
TEST_F(RunnerReloadTest, AFolderIsFollowed) {
  fs::copy("models/demo/gpt2", model_);
  Start();
  RepeatAll();
  const Text first = Generate(100);
  for (const char* file : {"model.safetensors", "config.json"}) {
    fs::copy(std::string("models/demo/distilgpt2/") + file, dir_ + "/file");
    fs::rename(dir_ + "/file", model_ + "/" + file);
  }
  WaitForLines("event=reloaded", 1);
  EXPECT_NE(Generate(100).text, first.text);
  ExpectNoFailures();
}

}  // namespace
}  // namespace chorus
