// `chorus serve --reload` under a closed loop of calls, unary and streamed, over HTTP and gRPC: a
// model's version changes twice, a graph changes, and a model comes that cannot be loaded. No call
// fails.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/chorus/v1/inference.grpc.pb.h"
#include "tests/integration/call_loops.h"
#include "tests/integration/process.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr seconds kStartPatience(120);
constexpr seconds kReloadPatience(120);

constexpr char kGraph[] = R"(name: inference_graph
nodes:
- {name: a, generate: {runner: gpt2-generation}}
- {name: b, generate: {runner: distilgpt2-generation}}
- {name: s, classify: {runner: bert-base-uncased-classification, inputs: [a, b]}}
output: s
)";
// Another branch, whose runner nothing served before, in place of one.
constexpr char kOtherGraph[] = R"(name: inference_graph
nodes:
- {name: a, generate: {runner: gpt2-generation}}
- {name: c, generate: {runner: another-generation}}
- {name: s, classify: {runner: bert-base-uncased-classification, inputs: [a, c]}}
output: s
)";

class ServeReloadTest : public ::testing::Test {
 protected:
  ServeReloadTest() : dir_(MakeTempDir()) {
    fs::copy("models/demo/distilgpt2", dir_ + "/mine");
    std::ofstream(dir_ + "/graph.yaml") << kGraph;
  }
  ~ServeReloadTest() override {
    serve_.reset();
    fs::remove_all(dir_);
  }

  void Start(std::vector<std::string> arguments) {
    std::vector<std::string> command = {CHORUS_BINARY_DIR "/chorus",
                                        "serve",
                                        "--reload",
                                        "--port",
                                        "0",
                                        "--grpc_port",
                                        "0",
                                        "--no-access_log"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    serve_ = std::make_unique<Process>(
        command, dir_ + "/log",
        std::map<std::string, std::string>{{"CHORUS_HOME", dir_ + "/home"}});
    const std::string line = serve_->WaitForLine("Chorus is ready", kStartPatience);
    ASSERT_NE(line, "") << serve_->Log();
    const size_t http = line.find("http://");
    http_ = line.substr(http, line.find_first_of(", ", http) - http);
    channel_ = grpc::CreateChannel(line.substr(line.find("gRPC ") + 5),
                                   grpc::InsecureChannelCredentials());
  }

  void Models(const std::string& arguments) const {
    const ShellResult result =
        Shell("CHORUS_HOME=" + dir_ + "/home " CHORUS_BINARY_DIR "/chorus models " + arguments);
    ASSERT_EQ(result.exit_status, 0) << result.out;
  }

  // Waits until the log has so many of them.
  void WaitForLines(const std::string& text, int count) const {
    EXPECT_TRUE(serve_->WaitForCount(text, count, kReloadPatience)) << serve_->Log();
  }
  // How many children have that in their command line.
  int NumChildren(const std::string& text) const {
    int count = 0;
    for (const auto& [pid, command] : ChildrenOf(serve_->pid())) {
      count += command.find(text) != std::string::npos;
    }
    return count;
  }

  void LoopAll() {
    loops_.Add("HTTP", [this] {
      const std::string out = Post("/classify_generated_texts?max_new_tokens=6", "");
      return out.ends_with("200") ? "" : out;
    });
    loops_.Add("HTTP stream", [this] {
      const std::string out = Post("/classify_generated_texts:stream?max_new_tokens=6",
                                   " -N -H 'Accept: application/x-ndjson'");
      const bool good = out.ends_with("200") && out.find("\"done\"") != std::string::npos &&
                        out.find("\"error\"") == std::string::npos;
      return good ? "" : out;
    });
    loops_.Add("gRPC", [this] {
      grpc::ClientContext context;
      v1::ClassifyGeneratedTextsResponse response;
      const grpc::Status status = v1::InferenceService::NewStub(channel_)->ClassifyGeneratedTexts(
          &context, Request(), &response);
      return status.ok() ? "" : status.error_message();
    });
    loops_.Add("gRPC stream", [this] {
      grpc::ClientContext context;
      const auto reader = v1::InferenceService::NewStub(channel_)->StreamClassifyGeneratedTexts(
          &context, Request());
      v1::StreamEvent event;
      bool done = false;
      while (reader->Read(&event)) done |= event.has_done();
      const grpc::Status status = reader->Finish();
      return status.ok() && done ? "" : "ended early: " + status.error_message();
    });
  }
  void ExpectNoFailures() { loops_.ExpectNoFailures(10); }

  static v1::ClassifyGeneratedTextsRequest Request() {
    v1::ClassifyGeneratedTextsRequest request;
    request.set_text("I have an idea!");
    request.set_max_new_tokens(6);
    return request;
  }
  // The body, and after it the code.
  std::string Post(const std::string& path, const std::string& options) const {
    return Shell("curl -s --max-time 300 -w '%{http_code}' -X POST '" + http_ + path +
                 "' -H 'Content-Type: text/plain' -d 'I have an idea!'" + options)
        .out;
  }
  // A text of one model, as a stream, which takes a while.
  std::string StreamLongText() const {
    const std::string out =
        Shell("curl -s -N --max-time 300 -H 'Accept: application/x-ndjson' " + http_ +
              "/v1/models/gpt2-generation:streamGenerate --json '{\"text\": \"It was\", \"seed\": "
              "7, \"ignore_eos\": true, \"max_new_tokens\": 100}'")
            .out;
    return out;
  }
  // The text of a stream's events, without when they came.
  static std::string TextOf(const std::string& events) {
    std::string text;
    std::istringstream lines(events);
    for (std::string line; std::getline(lines, line);) {
      const size_t begin = line.find("\"text\":\"");
      if (begin == std::string::npos) continue;
      text += line.substr(begin + 8, line.find('"', begin + 8) - begin - 8);
    }
    return text;
  }

  const std::string dir_;
  std::unique_ptr<Process> serve_;
  std::string http_;
  std::shared_ptr<grpc::Channel> channel_;
  CallLoops loops_;
};

TEST_F(ServeReloadTest, NoCallFailsWhileModelsAndGraphChange) {
  Start({"--graph", dir_ + "/graph.yaml"});
  const std::string text = TextOf(StreamLongText());
  ASSERT_GT(text.size(), 100u);
  LoopAll();

  // A model's version changes, twice. A stream that has begun goes on with the old one.
  auto stream = std::async(std::launch::async, [this] { return StreamLongText(); });
  Models("import models/demo/distilgpt2 gpt2-generation:v2");
  WaitForLines("chorus: reloaded", 1);
  EXPECT_EQ(NumChildren("--version v2"), 1) << serve_->Log();
  const std::string events = stream.get();
  EXPECT_THAT(events, Not(HasSubstr("\"error\"")));
  EXPECT_EQ(TextOf(events), text);
  // The gateway has the change, and moves once it has found the new replica.
  EXPECT_TRUE(Eventually([&] { return TextOf(StreamLongText()) != text; }, seconds(30)));
  Models("copy gpt2-generation:demo gpt2-generation:v3");
  WaitForLines("chorus: reloaded", 2);
  EXPECT_TRUE(Eventually([&] { return TextOf(StreamLongText()) == text; }, seconds(30)));

  // A graph changes, and needs a runner that was not there.
  Models("copy distilgpt2-generation another-generation");
  std::ofstream(dir_ + "/graph.yaml") << kOtherGraph;
  WaitForLines("chorus: reloaded", 3);
  EXPECT_THAT(Shell("curl -s " + http_ + "/v1/graphs/inference_graph").out,
              AllOf(HasSubstr("another-generation"), Not(HasSubstr("distilgpt2"))));

  ExpectNoFailures();
  // What is served by nobody any more has ended.
  EXPECT_TRUE(Eventually(
      [&] {
        return NumChildren("runner_server") == 3 && NumChildren("distilgpt2-generation") == 0 &&
               NumChildren("--version v2") == 0;
      },
      seconds(60)))
      << serve_->Log();
  EXPECT_EQ(serve_->Count("chorus: not reloaded"), 0) << serve_->Log();
  serve_->Signal(SIGINT);
  EXPECT_EQ(serve_->WaitForExit(seconds(60)), 0) << serve_->Log();
}

// The version has its old name and, as far as names tell, has not changed.
TEST_F(ServeReloadTest, AVersionThatIsAnotherModelNowIsTakenOver) {
  Start({"--graph", dir_ + "/graph.yaml"});
  const std::string text = TextOf(StreamLongText());
  LoopAll();
  Models("delete gpt2-generation:demo -y");
  Models("import models/demo/distilgpt2 gpt2-generation:demo");
  WaitForLines("chorus: reloaded", 1);
  EXPECT_NE(TextOf(StreamLongText()), text);
  ExpectNoFailures();
}

TEST_F(ServeReloadTest, WhatCannotBeServedLeavesWhatIsServed) {
  Start({"--graph", dir_ + "/graph.yaml", "--model", "distilgpt2-generation=" + dir_ + "/mine"});
  LoopAll();
  // The model's folder gets a config.json that its weights do not match.
  const std::string config = dir_ + "/mine/config.json";
  const std::string good = Shell("cat " + config).out;
  std::string bad = good;
  const size_t at = bad.find("\"n_layer\": ");
  ASSERT_NE(at, std::string::npos) << good;
  bad.replace(at, strlen("\"n_layer\": "), "\"n_layer\": 9");
  std::ofstream(config) << bad;
  WaitForLines("chorus: not reloaded", 1);
  const std::string folder = (std::filesystem::path(dir_) / "mine").lexically_normal();
  EXPECT_THAT(serve_->Log(), AllOf(HasSubstr("distilgpt2-generation " + folder +
                                             " cannot be loaded: runner_server: "),
                                   Not(HasSubstr("chorus: reloaded"))));

  // A version of the store whose bytes are not the manifest's.
  Models("copy gpt2-generation:demo gpt2-generation:damaged");
  std::ofstream(dir_ + "/home/models/gpt2-generation/damaged/merges.txt") << "other";
  // A graph that the gateway refuses, though its runners are there.
  std::ofstream(config) << good;
  WaitForLines("gpt2-generation:damaged is damaged", 1);
  Models("delete gpt2-generation:damaged -y");
  WaitForLines("chorus: reloaded", 1);  // config.json is as it was, and newer.
  std::ofstream(dir_ + "/graph.yaml") << std::string(kGraph) + "outputs: s\n";
  WaitForLines("there is no field \"outputs\"", 1);
  std::string cycle = kGraph;
  cycle.replace(cycle.find("gpt2-generation}"), strlen("gpt2-generation}"),
                "gpt2-generation, input: a}");
  std::ofstream(dir_ + "/graph.yaml") << cycle;
  WaitForLines("the gateway refuses it", 1);
  EXPECT_THAT(Shell("curl -s " + http_ + "/v1/graphs/inference_graph").out,
              HasSubstr("distilgpt2-generation"));

  std::ofstream(dir_ + "/graph.yaml") << kGraph;
  ExpectNoFailures();
  EXPECT_EQ(NumChildren("runner_server"), 3) << serve_->Log();
  serve_->Signal(SIGINT);
  EXPECT_EQ(serve_->WaitForExit(seconds(60)), 0) << serve_->Log();
}

TEST_F(ServeReloadTest, ARunnerThatIsKilledWhileItLoadsIsSaidToBe) {
  Start({"--graph", dir_ + "/graph.yaml"});
  Models("copy distilgpt2-generation distilgpt2-generation:v2");
  ASSERT_TRUE(Eventually(
      [&] {
        for (const auto& [pid, command] : ChildrenOf(serve_->pid())) {
          if (command.find("--version v2") != std::string::npos) return kill(pid, SIGKILL) == 0;
        }
        return false;
      },
      kReloadPatience))
      << serve_->Log();
  WaitForLines(
      "not reloaded, and what served serves on: distilgpt2-generation v2 cannot be loaded: "
      "its process was killed by signal 9 (Killed); memory may have run out",
      1);
  EXPECT_TRUE(Post("/classify_generated_texts?max_new_tokens=6", "").ends_with("200"));
}

// Of a model beside the graph the kind stays; and a graph may come to name it.
TEST_F(ServeReloadTest, AFurtherModelKeepsItsKindAndMayBecomeARunnerOfTheGraph) {
  Start({"--graph", dir_ + "/graph.yaml", "--also", "another-generation=" + dir_ + "/mine"});
  LoopAll();
  fs::rename(dir_ + "/mine", dir_ + "/before");
  fs::copy("models/demo/bert-sst2", dir_ + "/mine");
  WaitForLines(
      "not reloaded, and what served serves on: another-generation is a "
      "BertForSequenceClassification (classify) now, and a GPT2LMHeadModel (generate) serves",
      1);
  fs::remove_all(dir_ + "/mine");
  fs::rename(dir_ + "/before", dir_ + "/mine");
  std::ofstream(dir_ + "/graph.yaml") << kOtherGraph;
  WaitForLines("chorus: reloaded", 1);
  EXPECT_THAT(Shell("curl -s " + http_ + "/v1/graphs/inference_graph").out,
              HasSubstr("another-generation"));
  ExpectNoFailures();
  EXPECT_EQ(serve_->Count("started another-generation"), 1) << serve_->Log();
}

// A folder with a chorusfile is served as what a bundle of it would be, and followed.
TEST_F(ServeReloadTest, AChorusfileIsFollowed) {
  const std::string file = dir_ + "/chorusfile.yaml";
  std::ofstream(file) << "service: mine\ngraph: graph.yaml\nresources:\n  gpt2-generation: {dtype: "
                         "float32}\n";
  Start({dir_ + "/"});
  EXPECT_EQ(NumChildren("--dtype float32"), 1);
  LoopAll();
  std::ofstream(file) << "service: mine\ngraph: graph.yaml\nresources:\n  gpt2-generation: {dtype: "
                         "int8}\n";
  WaitForLines("chorus: reloaded", 1);
  EXPECT_EQ(NumChildren("--dtype int8"), 1);
  ExpectNoFailures();
}

}  // namespace
}  // namespace chorus
