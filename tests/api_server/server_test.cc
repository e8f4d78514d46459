#include "api_server/server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api_server/runners/health_watch.h"
#include "proto/chorus/v1/inference.grpc.pb.h"
#include "tests/api_server/front/socket_client.h"
#include "tests/fakes/fake_runner.h"

namespace chorus::gateway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kForever = absl::Hours(1);

// The gateway's health by name, as grpc.health.v1 Watch tells it.
class HealthOf {
 public:
  HealthOf(const std::shared_ptr<grpc::Channel>& channel, const std::string& service)
      : watch_(channel, {.service = service}, [this](bool serving, const std::string&) {
          std::lock_guard lock(mutex_);
          serving_ = serving;
          changed_.notify_all();
        }) {}

  void WaitUntil(bool serving) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return serving_ == serving; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool serving_ = false;
  HealthWatch watch_;
};

class ServerTest : public testing::Test {
 protected:
  // Two generators and a classifier, and a gateway in front of them that is ready.
  void StartAll(FakeRunner::Script script = {.tokens = {" am", " here"}},
                Server::Options options = {}) {
    for (const char* name : {"one", "two", "bert"}) {
      auto runner = FakeRunner::Start({.script = script});
      ASSERT_TRUE(runner.ok()) << runner.status();
      runners_[name] = *std::move(runner);
      config_.runners.push_back({.name = name, .endpoints = {runners_[name]->address()}});
    }
    config_.graphs.push_back(MakeGraph("inference_graph", {"a", "b"}));
    options.http_address = "127.0.0.1:0";
    options.grpc_address = "127.0.0.1:0";
    auto server = Server::Start(options, config_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials());
    HealthOf(channel_, "readiness").WaitUntil(true);
  }

  // Scores the texts of `inputs`, of its generators a (on runner `one`) and b (on two).
  static std::shared_ptr<const Graph> MakeGraph(const std::string& name,
                                                const std::vector<std::string>& inputs,
                                                const std::string& one = "one") {
    config::v1::Graph config;
    config.set_name(name);
    config.set_output("s");
    config::v1::Node& scores = *config.add_nodes();
    scores.set_name("s");
    scores.mutable_classify()->set_runner("bert");
    for (const std::string& input : inputs) {
      scores.mutable_classify()->add_inputs(input);
      config::v1::Node& node = *config.add_nodes();
      node.set_name(input);
      node.mutable_generate()->set_runner(input == "a" ? one : "two");
    }
    auto graph = Graph::Create(config, {"one", "two", "bert", "four"});
    EXPECT_TRUE(graph.ok()) << graph.status();
    return *std::move(graph);
  }

  // The config of the start with other graphs.
  Config WithGraphs(std::vector<std::shared_ptr<const Graph>> graphs) const {
    Config config = config_;
    config.graphs = std::move(graphs);
    return config;
  }

  uint16_t HttpPort() const {
    const std::string& address = server_->http_address();
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    return static_cast<uint16_t>(port);
  }

  SocketClient::Reply Get(const std::string& path) {
    return SocketClient(HttpPort())
        .Ask(absl::StrCat("GET ", path,
                          " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
  }

  grpc::Status ClassifyGeneratedTexts(v1::ClassifyGeneratedTextsResponse& response) {
    grpc::ClientContext context;
    v1::ClassifyGeneratedTextsRequest request;
    request.set_text("I");
    return v1::InferenceService::NewStub(channel_)->ClassifyGeneratedTexts(&context, request,
                                                                           &response);
  }

  // The code of an empty call of the reflection service.
  grpc::StatusCode AskReflection() {
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    const auto call = stub.PrepareCall(
        &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
    void* tag = nullptr;
    bool ok = false;
    grpc::Status status;
    call->StartCall(nullptr);
    queue.Next(&tag, &ok);
    call->WritesDone(nullptr);
    queue.Next(&tag, &ok);
    call->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    return status.error_code();
  }

  std::map<std::string, std::unique_ptr<FakeRunner>> runners_;
  Config config_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(ServerTest, AnswersOverHttpAndGrpcAlike) {
  StartAll();
  const SocketClient::Reply reply = SocketClient(HttpPort())
                                        .Ask(
                                            "POST /classify_generated_texts HTTP/1.1\r\n"
                                            "Host: localhost\r\nContent-Type: text/plain\r\n"
                                            "Content-Length: 1\r\n\r\nI");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body,
            R"([{"generated":"I am here","score":0.75},{"generated":"I am here","score":0.75}])");
  v1::ClassifyGeneratedTextsResponse response;
  const grpc::Status status = ClassifyGeneratedTexts(response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.results_size(), 2);
  EXPECT_EQ(response.results(0).generated(), "I am here");
  EXPECT_EQ(response.results(0).score(), 0.75);
}

TEST_F(ServerTest, RefusesWithoutARunnerWhatAFullOneWould) {
  // Each serves a text, which does not end, and has one wait.
  StartAll({.tokens = {"x"}, .token_delay = kForever, .max_active = 1, .max_waiting = 1});
  const std::string ask =
      "POST /classify_generated_texts HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
      "Content-Length: 1\r\n\r\nI";
  SocketClient taken[2] = {SocketClient(HttpPort()), SocketClient(HttpPort())};
  for (SocketClient& client : taken) client.Send(ask);
  for (const char* name : {"one", "two"}) runners_[name]->WaitForGenerate(2);
  SocketClient client(HttpPort());
  SocketClient::Reply reply;
  // On a machine that stalls for a tenth of a second a runner is asked again.
  for (int i = 0; i < 1000; ++i) {
    reply = client.Ask(ask);
    ASSERT_EQ(reply.status, 429);
    EXPECT_EQ(reply.Field("Retry-After"), "1");
    EXPECT_THAT(reply.body, HasSubstr("google.rpc.RetryInfo"));
    if (reply.body.find("the queue of every replica is full") != std::string::npos) break;
  }
  EXPECT_THAT(reply.body, HasSubstr(R"("status":"RESOURCE_EXHAUSTED","message":")"));
  EXPECT_THAT(Get("/metrics").body,
              ::testing::ContainsRegex("chorus_refusals_total\\{runner=\"(one|two)\"\\} [1-9]"));
  for (const char* name : {"one", "two"}) {
    EXPECT_EQ(runners_[name]->classify_requests().size(), 0u);
  }
}

TEST_F(ServerTest, ServesThePages) {
  StartAll();
  const SocketClient::Reply page = Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.Field("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.Field("Content-Length"), absl::StrCat(page.body.size()));
  const std::string ask = " / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  SocketClient client(HttpPort());
  client.Send(absl::StrCat("HEAD", ask, "\r\n"));
  const SocketClient::Reply head = client.Read(/*has_body=*/false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Field("Content-Length"), page.Field("Content-Length"));
  EXPECT_TRUE(client.IsClosed());
  const SocketClient::Reply cached =
      SocketClient(HttpPort())
          .Ask(absl::StrCat("GET", ask, "If-None-Match: ", page.Field("ETag"), "\r\n\r\n"));
  EXPECT_EQ(cached.status, 304);
  EXPECT_EQ(cached.Field("ETag"), page.Field("ETag"));
  EXPECT_EQ(cached.body, "");
  const SocketClient::Reply post =
      SocketClient(HttpPort()).Ask(absl::StrCat("POST", ask, "Content-Length: 0\r\n\r\n"));
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(post.Field("Allow"), "GET, HEAD");
  EXPECT_EQ(Get("/docs").status, 200);
  EXPECT_EQ(Get("/openapi.json").body, Get("/docs.json").body);
}

TEST_F(ServerTest, TellsTheGraphOverHttpAndGrpcAlike) {
  StartAll();
  v1::ClassifyGeneratedTextsResponse run;
  ASSERT_TRUE(ClassifyGeneratedTexts(run).ok());
  grpc::ClientContext context;
  v1::GetGraphRequest request;
  request.set_graph("inference_graph");
  v1::Graph graph;
  const auto stub = v1::InferenceService::NewStub(channel_);
  const grpc::Status status = stub->GetGraph(&context, request, &graph);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(graph.nodes_size(), 3);
  EXPECT_EQ(graph.nodes(0).runner(), "one");
  EXPECT_EQ(graph.nodes(2).kind(), v1::NODE_KIND_CLASSIFY);
  EXPECT_EQ(graph.nodes(2).inputs_size(), 2);
  EXPECT_EQ(graph.nodes(2).healthy_replicas(), 1u);
  EXPECT_EQ(graph.nodes(0).recent_calls(), 1u);
  EXPECT_EQ(graph.nodes(2).recent_calls(), 2u);
  EXPECT_GT(graph.nodes(2).p99_seconds(), 0);
  EXPECT_THAT(Get("/v1/graphs/inference_graph").body,
              HasSubstr(R"("name":"s","kind":"NODE_KIND_CLASSIFY","runner":"bert",)"
                        R"("inputs":["a","b"],"healthy_replicas":1)"));
  EXPECT_EQ(Get("/v1/graphs/none").status, 404);
}

TEST_F(ServerTest, ReloadReplacesTheGraphsUnderCallsInProgress) {
  StartAll({.tokens = {" am"}, .token_delay = absl::Milliseconds(300)});
  v1::ClassifyGeneratedTextsResponse before;
  auto call = std::async(std::launch::async, [&] { return ClassifyGeneratedTexts(before); });
  runners_["one"]->WaitForGenerate(1);
  server_->Reload(WithGraphs({MakeGraph("inference_graph", {"b"}), MakeGraph("new", {"a"})}));
  v1::ClassifyGeneratedTextsResponse after;
  EXPECT_TRUE(ClassifyGeneratedTexts(after).ok());
  EXPECT_EQ(after.results_size(), 1);
  const grpc::Status status = call.get();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(before.results_size(), 2);
  EXPECT_EQ(Get("/v1/graphs/new").status, 200);
  EXPECT_THAT(Get("/metrics").body, HasSubstr("chorus_config_reloads_total{result=\"ok\"} 1\n"));

  server_->Reload(WithGraphs({MakeGraph("new", {"a"})}));
  EXPECT_EQ(ClassifyGeneratedTexts(after).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Get("/v1/graphs/inference_graph").status, 404);
}

TEST_F(ServerTest, ARefusedReloadLeavesTheGraphsAsTheyAre) {
  StartAll();
  server_->Reload(absl::InvalidArgumentError("graph.yaml:1:1: is not YAML"));
  Config other_size = WithGraphs({MakeGraph("new", {"a"})});
  other_size.limits.max_body_bytes = 1;
  server_->Reload(other_size);
  EXPECT_EQ(Get("/v1/graphs/new").status, 404);
  v1::ClassifyGeneratedTextsResponse response;
  EXPECT_TRUE(ClassifyGeneratedTexts(response).ok());
  EXPECT_EQ(response.results_size(), 2);
  EXPECT_THAT(Get("/metrics").body,
              AllOf(HasSubstr("chorus_config_reloads_total{result=\"error\"} 2\n"),
                    HasSubstr("chorus_config_last_reload_successful 0\n")));
}

TEST_F(ServerTest, ReloadReplacesRunnersAndLimitsToo) {
  StartAll({.tokens = {" am"}, .token_delay = absl::Milliseconds(300)});
  auto third = FakeRunner::Start({.script = {.tokens = {" third"}}});
  auto fourth = FakeRunner::Start({.script = {.tokens = {" fourth"}}});
  ASSERT_TRUE(third.ok() && fourth.ok());
  v1::ClassifyGeneratedTextsResponse before;
  auto call = std::async(std::launch::async, [&] { return ClassifyGeneratedTexts(before); });
  runners_["one"]->WaitForGenerate(1);
  // Another replica for "one", no "two", and a new runner, which a graph names at once.
  Config config = WithGraphs({MakeGraph("inference_graph", {"a"})});
  config.runners = {{.name = "one", .endpoints = {(*third)->address()}},
                    {.name = "bert", .endpoints = {runners_["bert"]->address()}},
                    {.name = "four", .endpoints = {(*fourth)->address()}}};
  config.limits.max_concurrent_requests = 1;
  config.limits.max_timeout = absl::Seconds(7);
  server_->Reload(config);
  v1::ClassifyGeneratedTextsResponse after;
  EXPECT_EQ(ClassifyGeneratedTexts(after).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const grpc::Status status = call.get();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(before.results(1).generated(), "I am");
  EXPECT_TRUE(ClassifyGeneratedTexts(after).ok());
  HealthOf(channel_, "four").WaitUntil(true);
  HealthOf(channel_, "two").WaitUntil(false);
  HealthOf(channel_, "readiness").WaitUntil(true);
  const std::string generate =
      "POST /v1/models/four:generate HTTP/1.1\r\nHost: localhost\r\nConnection: "
      "close\r\nContent-Length: 13\r\n\r\n{\"text\": \"I\"}";
  EXPECT_THAT(SocketClient(HttpPort()).Ask(generate).body, HasSubstr("I fourth"));
  EXPECT_THAT(Get("/metrics").body,
              HasSubstr("chorus_time_to_first_token_seconds_count{model=\"four\"} 1\n"));
  // Once nothing calls it any more, the old replica is forgotten.
  const std::string old_one = "endpoint=\"" + runners_["one"]->address() + "\"";
  while (Get("/metrics").body.find(old_one) != std::string::npos)
    absl::SleepFor(absl::Milliseconds(20));
  ASSERT_TRUE(ClassifyGeneratedTexts(after).ok());
  EXPECT_EQ(after.results(0).generated(), "I third");
  server_->Reload(WithGraphs({MakeGraph("inference_graph", {"a", "b"})}));  // And back.
  HealthOf(channel_, "two").WaitUntil(true);
  EXPECT_TRUE(ClassifyGeneratedTexts(after).ok());
  EXPECT_EQ(after.results_size(), 2);
}

TEST_F(ServerTest, AReloadWaitsForTheRunnersThatItNeeds) {
  StartAll();
  auto four = FakeRunner::Start({.script = {.tokens = {" four"}}, .serving = false});
  ASSERT_TRUE(four.ok());
  Config config = WithGraphs({});
  config.runners.push_back({.name = "four", .endpoints = {(*four)->address()}});
  config.graphs = {MakeGraph("inference_graph", {"a"}, "four")};
  server_->Reload(config);
  server_->RetryReload();
  v1::ClassifyGeneratedTextsResponse response;
  EXPECT_TRUE(ClassifyGeneratedTexts(response).ok());
  EXPECT_EQ(response.results_size(), 2);
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_THAT(Get("/metrics").body,
              AllOf(HasSubstr("chorus_config_reloads_total{result=\"error\"} 1\n"),
                    HasSubstr("chorus_config_last_reload_successful 0\n"),
                    Not(HasSubstr("{runner=\"four\"}"))));

  // Another change takes its place.
  server_->Reload(WithGraphs({MakeGraph("inference_graph", {"a", "b"})}));
  EXPECT_THAT(Get("/metrics").body, HasSubstr("chorus_config_last_reload_successful 1\n"));
  (*four)->SetServing(true);
  server_->RetryReload();
  EXPECT_THAT(Get("/metrics").body, HasSubstr("chorus_config_reloads_total{result=\"ok\"} 1\n"));

  // What it waits for comes.
  (*four)->SetServing(false);
  server_->Reload(config);
  EXPECT_THAT(Get("/metrics").body, HasSubstr("chorus_config_last_reload_successful 0\n"));
  (*four)->SetServing(true);
  while (Get("/metrics").body.find("chorus_config_last_reload_successful 0\n") !=
         std::string::npos) {
    server_->RetryReload();
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_TRUE(ClassifyGeneratedTexts(response).ok());
  ASSERT_EQ(response.results_size(), 1);
  EXPECT_EQ(response.results(0).generated(), "I four");
}

TEST_F(ServerTest, HealthFollowsTheRunners) {
  StartAll();
  EXPECT_EQ(Get("/readyz").status, 200);
  HealthOf all(channel_, ""), ready(channel_, "readiness"), live(channel_, "liveness");
  HealthOf one(channel_, "one"), two(channel_, "two");
  HealthOf service(channel_, "chorus.v1.InferenceService");
  for (HealthOf* health : {&all, &ready, &live, &one, &two, &service}) health->WaitUntil(true);

  runners_["two"]->SetServing(false);
  for (HealthOf* health : {&all, &ready, &two, &service}) health->WaitUntil(false);
  one.WaitUntil(true);
  live.WaitUntil(true);
  EXPECT_EQ(Get("/readyz").status, 503);
  EXPECT_EQ(Get("/livez").status, 200);
  v1::ClassifyGeneratedTextsResponse response;
  const grpc::Status status = ClassifyGeneratedTexts(response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("b (two)"));

  runners_["two"]->SetServing(true);
  ready.WaitUntil(true);
  EXPECT_TRUE(ClassifyGeneratedTexts(response).ok());
}

TEST_F(ServerTest, AModelOfTheWrongKindIsSaidAndTheServerIsReadyOnceTheRightOneComes) {
  StartAll();
  const auto replace = [&](runner::v1::Task task, const std::string& architecture) {
    HealthOf two(channel_, "two");
    two.WaitUntil(true);
    const std::string address = runners_["two"]->address();
    runners_["two"].reset();
    two.WaitUntil(false);
    auto runner = FakeRunner::Start(
        {.address = address,
         .script = {.tokens = {" am"}, .task = task, .architecture = architecture}});
    ASSERT_TRUE(runner.ok()) << runner.status();
    runners_["two"] = *std::move(runner);
    two.WaitUntil(true);
  };
  replace(runner::v1::TASK_CLASSIFY, "BertForSequenceClassification");
  const std::string words =
      "graph \"inference_graph\": node \"b\" generates, but the model of its runner \"two\" is a "
      "classifier (BertForSequenceClassification): give the runner a generator or the node another "
      "runner";
  const SocketClient::Reply reply = Get("/readyz");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, words);
  v1::ClassifyGeneratedTextsResponse response;
  const grpc::Status status = ClassifyGeneratedTexts(response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), words);

  // A reload that keeps it goes on, as one that ends it does; one that makes it is refused.
  server_->Reload(WithGraphs({MakeGraph("inference_graph", {"a", "b"}), MakeGraph("new", {"a"})}));
  EXPECT_EQ(Get("/v1/graphs/new").status, 200);
  EXPECT_EQ(Get("/readyz").body, words);
  server_->Reload(WithGraphs({MakeGraph("new", {"a"})}));
  EXPECT_EQ(Get("/readyz").status, 200);
  HealthOf(channel_, "readiness").WaitUntil(true);
  server_->Reload(WithGraphs({MakeGraph("new", {"a", "b"})}));
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_THAT(Get("/metrics").body,
              AllOf(HasSubstr("chorus_config_reloads_total{result=\"ok\"} 2\n"),
                    HasSubstr("chorus_config_reloads_total{result=\"error\"} 1\n")));

  replace(runner::v1::TASK_GENERATE, "GPT2LMHeadModel");
  server_->Reload(WithGraphs({MakeGraph("inference_graph", {"a", "b"})}));
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_TRUE(ClassifyGeneratedTexts(response).ok());
}

TEST_F(ServerTest, RefusesAPortThatIsTaken) {
  StartAll();
  const absl::Status http =
      Server::Start({.http_address = server_->http_address(), .grpc_address = "127.0.0.1:0"},
                    config_)
          .status();
  EXPECT_EQ(http.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(http.message()), HasSubstr(server_->http_address()));
  const absl::Status grpc =
      Server::Start({.http_address = "127.0.0.1:0", .grpc_address = server_->grpc_address()},
                    config_)
          .status();
  EXPECT_EQ(grpc.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(grpc.message()), HasSubstr(server_->grpc_address()));
  EXPECT_EQ(Get("/readyz").status, 200);  // The first goes on.
}

TEST_F(ServerTest, DrainCancelsWhatIsLeftAtItsTimeout) {
  StartAll({.tokens = {"x"}, .token_delay = kForever}, {.drain_timeout = absl::Milliseconds(50)});
  auto call = std::async(std::launch::async, [&] {
    v1::ClassifyGeneratedTextsResponse response;
    return ClassifyGeneratedTexts(response);
  });
  SocketClient client(HttpPort());
  client.Send(
      "POST /classify_generated_texts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nI");
  runners_["one"]->WaitForGenerate(2);
  HealthOf ready(channel_, "readiness");  // A stream without an end does not hold the server up.
  ready.WaitUntil(true);
  server_->Drain();
  EXPECT_FALSE(call.get().ok());
  ready.WaitUntil(false);
  server_.reset();
  const SocketClient::Reply reply = client.Read();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.Field("Connection"), "close");
  EXPECT_EQ(reply.Field("Retry-After"), "1");
  EXPECT_THAT(reply.body, HasSubstr("\"status\":\"UNAVAILABLE\""));
  runners_["one"]->WaitForCancelled(2);
  runners_["two"]->WaitForCancelled(2);
}

TEST_F(ServerTest, DrainLetsCallsInProgressEnd) {
  StartAll({.tokens = {" am"}, .token_delay = absl::Milliseconds(300)},
           {.drain_timeout = kForever});
  auto call = std::async(std::launch::async, [&] {
    v1::ClassifyGeneratedTextsResponse response;
    return ClassifyGeneratedTexts(response);
  });
  SocketClient client(HttpPort());
  client.Send(
      "POST /classify_generated_texts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nI");
  runners_["one"]->WaitForGenerate(2);
  server_->Drain();
  const grpc::Status status = call.get();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_FALSE(SocketClient(HttpPort()).connected());
  v1::ClassifyGeneratedTextsResponse response;
  EXPECT_EQ(ClassifyGeneratedTexts(response).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerTest, RefusesCompressedMessagesAndReadsTheOthers) {
  StartAll();
  for (const auto& [algorithm, name] :
       {std::pair(GRPC_COMPRESS_GZIP, "gzip"), std::pair(GRPC_COMPRESS_DEFLATE, "deflate")}) {
    grpc::ClientContext context;
    context.set_compression_algorithm(algorithm);
    v1::ClassifyGeneratedTextsRequest request;
    request.set_text(std::string(1000, 'a'));
    v1::ClassifyGeneratedTextsResponse response;
    const grpc::Status status = v1::InferenceService::NewStub(channel_)->ClassifyGeneratedTexts(
        &context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << name;
    EXPECT_THAT(status.error_message(), HasSubstr(name));
  }
  EXPECT_TRUE(runners_["one"]->generate_requests().empty());
  v1::ClassifyGeneratedTextsResponse response;
  EXPECT_TRUE(ClassifyGeneratedTexts(response).ok());
}

TEST_F(ServerTest, AsksClientsToConnectAnewAtAnAge) {
  StartAll({},
           {.grpc = {.max_age = absl::Milliseconds(50), .max_age_grace = absl::Milliseconds(50)}});
  HealthOf ready(channel_, "readiness");  // On one connection after the other.
  for (int i = 0; i < 3; ++i) {
    ready.WaitUntil(true);
    ready.WaitUntil(false);
  }
}

TEST_F(ServerTest, TellsItsBoundOnStreamsAndClosesOnAClientThatDoesNotAnswerPings) {
  StartAll({}, {.grpc = {.keepalive_time = absl::Milliseconds(50),
                         .keepalive_timeout = absl::Milliseconds(50),
                         .max_concurrent_streams = 7}});
  const std::string& address = server_->grpc_address();
  int port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  SocketClient client(static_cast<uint16_t>(port));
  // HTTP/2's preface and empty SETTINGS; nothing afterwards.
  client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  client.Send(std::string("\0\0\0\4\0\0\0\0\0", 9));
  const std::string said = client.ReadBytes(1 << 20);  // Until the server closes.
  EXPECT_TRUE(client.IsClosed());
  EXPECT_THAT(said, HasSubstr(std::string("\0\3\0\0\0\7", 6)));  // MAX_CONCURRENT_STREAMS.
}

TEST_F(ServerTest, PutsTheRunnersMetricsOnItsPageWhereWanted) {
  StartAll({.metrics = "# HELP tokens Tokens\n# TYPE tokens counter\ntokens 7\n"},
           {.runner_metrics = true});
  SocketClient::Reply reply = Get("/metrics");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Field("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(reply.body, AllOf(HasSubstr("\n# TYPE tokens counter\ntokens{replica=\"0\"} 7\n"),
                                HasSubstr("\nchorus_replica_state{")));
  for (const char* name : {"one", "two", "bert"}) runners_[name]->Shutdown();
  reply = Get("/metrics");  // The gateway's own are there all the same.
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, AllOf(HasSubstr("\nchorus_replica_state{"), Not(HasSubstr("tokens{"))));
}

TEST_F(ServerTest, LeavesTheRunnersMetricsToTheirOwnPagesElsewhere) {
  StartAll({.metrics = "# HELP tokens Tokens\n# TYPE tokens counter\ntokens 7\n"});
  EXPECT_THAT(Get("/metrics").body, Not(HasSubstr("replica=")));
}

TEST_F(ServerTest, ServesReflection) {
  StartAll({}, {.reflection = true});
  EXPECT_EQ(AskReflection(), grpc::StatusCode::OK);
}

TEST_F(ServerTest, ServesNoReflectionWhereItIsOff) {
  StartAll({}, {.reflection = false});
  EXPECT_EQ(AskReflection(), grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace chorus::gateway
