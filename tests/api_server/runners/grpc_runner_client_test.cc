#include "api_server/runners/grpc_runner_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/worker_pool.h"
#include "tests/base/parse_proto.h"
#include "tests/fakes/fake_runner.h"

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Longer than any test waits.
constexpr absl::Duration kForever = absl::Hours(1);

// A client, and the wait for its health to be as wanted.
class Client {
 public:
  explicit Client(std::vector<std::string> endpoints, ReplicaSet::Resolve resolve = nullptr,
                  int max_message_bytes = 16 << 20, WorkerPool* workers = nullptr) {
    auto client = GrpcRunnerClient::Create({.name = "test",
                                            .endpoints = std::move(endpoints),
                                            .max_message_bytes = max_message_bytes,
                                            .workers = workers,
                                            .on_health_change = [this] { OnHealthChange(); },
                                            .resolve = std::move(resolve),
                                            .resolve_period = absl::Milliseconds(20)});
    EXPECT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  // Blocks until `condition` holds; it is asked after every change of health.
  void WaitUntil(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }
  void WaitHealthy(bool healthy = true) {
    WaitUntil([&] { return client_->healthy() == healthy; });
  }

  // Blocks until that many changes of health have come.
  void WaitForChanges(int num_changes) {
    WaitUntil([&] { return num_changes_ >= num_changes; });
  }

  GrpcRunnerClient& operator*() { return *client_; }
  GrpcRunnerClient* operator->() { return client_.get(); }
  void Destroy() { client_.reset(); }

 private:
  void OnHealthChange() {
    std::lock_guard lock(mutex_);
    ++num_changes_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int num_changes_ = 0;
  std::unique_ptr<GrpcRunnerClient> client_;
};

// One Generate call and what it brings.
struct Generation {
  std::vector<std::string> deltas;  // "<restart>" stands for a restart.
  std::promise<absl::StatusOr<v1::GenerationEnd>> promise;
  std::future<absl::StatusOr<v1::GenerationEnd>> end = promise.get_future();
  std::promise<void> first_delta;

  void Start(Client& client, runner::v1::GenerateRequest request = {}, CallContext context = {},
             bool may_restart = false) {
    RunnerClient::OnRestart on_restart;
    if (may_restart) on_restart = [this] { deltas.push_back("<restart>"); };
    client->Generate(
        std::move(request), std::move(context),
        [this](v1::TextDelta delta) {
          deltas.push_back(delta.text());
          if (deltas.size() == 1) first_delta.set_value();
        },
        std::move(on_restart),
        [this](absl::StatusOr<v1::GenerationEnd> result) { promise.set_value(std::move(result)); });
  }
};

absl::StatusOr<runner::v1::ClassifyResponse> Ask(Client& client,
                                                 runner::v1::ClassifyRequest request,
                                                 CallContext context = {}) {
  std::promise<absl::StatusOr<runner::v1::ClassifyResponse>> promise;
  client->Classify(
      std::move(request), std::move(context),
      [&](absl::StatusOr<runner::v1::ClassifyResponse> r) { promise.set_value(std::move(r)); });
  return promise.get_future().get();
}

runner::v1::ClassifyRequest OfTexts(const std::vector<std::string>& texts) {
  runner::v1::ClassifyRequest request;
  for (const std::string& text : texts) request.add_texts(text);
  return request;
}

absl::StatusOr<runner::v1::ClassifyResponse> Classify(Client& client,
                                                      const std::vector<std::string>& texts,
                                                      CallContext context = {}) {
  return Ask(client, OfTexts(texts), std::move(context));
}

absl::StatusOr<runner::v1::EmbedResponse> Embed(Client& client,
                                                const std::vector<std::string>& texts) {
  runner::v1::EmbedRequest request;
  for (const std::string& text : texts) request.add_texts(text);
  std::promise<absl::StatusOr<runner::v1::EmbedResponse>> promise;
  client->Embed(std::move(request), {}, [&](absl::StatusOr<runner::v1::EmbedResponse> r) {
    promise.set_value(std::move(r));
  });
  return promise.get_future().get();
}

std::unique_ptr<FakeRunner> StartRunner(FakeRunner::Script script = {},
                                        std::string address = "127.0.0.1:0", bool serving = true) {
  auto runner = FakeRunner::Start(
      {.address = std::move(address), .script = std::move(script), .serving = serving});
  EXPECT_TRUE(runner.ok()) << runner.status();
  return *std::move(runner);
}

// A path for a socket, in a folder that goes with the test.
class SocketPath {
 public:
  SocketPath() {
    std::string folder = (std::filesystem::temp_directory_path() / "chorus.XXXXXX").string();
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  ~SocketPath() { std::filesystem::remove_all(folder_); }
  std::string address() const { return "unix:" + (folder_ / "socket").string(); }

 private:
  std::filesystem::path folder_;
};

TEST(GrpcRunnerClient, StreamsDeltasInOrderAndThenTheEnd) {
  auto runner = StartRunner({.tokens = {" am", " here", "!"}});
  Client client({runner->address()});
  client.WaitHealthy();
  Generation generation;
  generation.Start(client);
  const auto end = generation.end.get();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_THAT(generation.deltas, ElementsAre(" am", " here", "!"));
  EXPECT_EQ(end->reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(end->prompt_tokens(), 1u);
  EXPECT_EQ(end->generated_tokens(), 3u);
}

TEST(GrpcRunnerClient, SendsTheRequestAsItIs) {
  auto runner = StartRunner();
  Client client({runner->address()});
  client.WaitHealthy();
  Generation generation;
  const auto request = ParseProto<runner::v1::GenerateRequest>(R"pb(
    text: "I"
    params { max_length: 9 temperature: 0.5 top_p: 0.25 seed: 18446744073709551615 }
    branch: 2
    underway: true)pb");
  generation.Start(client, request, {.request_id = "r-1"});
  ASSERT_TRUE(generation.end.get().ok());
  ASSERT_EQ(runner->generate_requests().size(), 1u);
  EXPECT_EQ(runner->generate_requests()[0].SerializeAsString(), request.SerializeAsString());
  EXPECT_THAT(runner->request_ids(), ElementsAre("r-1"));
}

TEST(GrpcRunnerClient, Classifies) {
  auto runner = StartRunner({.labels = {"bad", "good"}, .scores = {0.125, 0.875}});
  Client client({runner->address()});
  client.WaitHealthy();
  const auto request = ParseProto<runner::v1::ClassifyRequest>(
      "texts: 'a' texts: 'b' refuse_truncation: true split_special_tokens: true underway: true");
  const auto response = Ask(client, request, {.request_id = "r-2"});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->labels(), ElementsAre("bad", "good"));
  ASSERT_EQ(response->results_size(), 2);
  for (const runner::v1::Classification& result : response->results()) {
    EXPECT_THAT(result.scores(), ElementsAre(0.125, 0.875));
  }
  EXPECT_EQ(runner->classify_requests()[0].SerializeAsString(), request.SerializeAsString());
  EXPECT_THAT(runner->request_ids(), ElementsAre("r-2"));
}

TEST(GrpcRunnerClient, AMessagePastTheLimitIsTheCallersToMakeSmaller) {
  const auto runner = StartRunner({.labels = {std::string(1000, 'a'), "b"}});
  Client small({runner->address()}, nullptr, /*max_message_bytes=*/900);
  small.WaitHealthy();
  for (const size_t num_bytes : {1, 1000}) {  // The reply, then the request.
    const absl::Status status = Classify(small, {std::string(num_bytes, 'x')}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("ask for less at once"));
  }
}

TEST(GrpcRunnerClient, LargeRepliesAreReadByTheWorkersAndSmallOnesAreNot) {
  WorkerPool workers(1);
  std::thread::id worker;
  std::promise<void> known;
  workers.Run([&] {
    worker = std::this_thread::get_id();
    known.set_value();
  });
  known.get_future().wait();
  const auto runner = StartRunner({.labels = {std::string(100, 'a'), "b"}});
  Client client({runner->address()}, nullptr, 16 << 20, &workers);
  client.WaitHealthy();
  for (const size_t num_texts : {1, 4000}) {
    std::promise<std::thread::id> promise;
    client->Classify(OfTexts(std::vector<std::string>(num_texts, std::string(100, 'x'))), {},
                     [&](const absl::StatusOr<runner::v1::ClassifyResponse>& response) {
                       EXPECT_EQ(response.value().results_size(), static_cast<int>(num_texts));
                       promise.set_value(std::this_thread::get_id());
                     });
    EXPECT_EQ(promise.get_future().get() == worker, num_texts > 1) << num_texts;
  }
}

TEST(GrpcRunnerClient, NeverGoesThroughAProxy) {
  const auto runner = StartRunner();
  for (const char* name : {"http_proxy", "grpc_proxy", "https_proxy", "all_proxy"}) {
    setenv(name, "http://127.0.0.1:1", 1);  // Where nobody listens.
  }
  Client client({runner->address()});
  client.WaitHealthy();
  EXPECT_TRUE(Classify(client, {"a"}).ok());
  for (const char* name : {"http_proxy", "grpc_proxy", "https_proxy", "all_proxy"}) unsetenv(name);
}

TEST(GrpcRunnerClient, PassesOnTheRunnersErrorInMidStream) {
  auto runner = StartRunner(
      {.tokens = {" am"}, .error = absl::ResourceExhaustedError("the KV cache is full")});
  Client client({runner->address()});
  client.WaitHealthy();
  Generation generation;
  generation.Start(client);
  EXPECT_EQ(generation.end.get().status(), absl::ResourceExhaustedError("the KV cache is full"));
  EXPECT_THAT(generation.deltas, ElementsAre(" am"));
  EXPECT_EQ(Classify(client, {"a"}).status(), absl::ResourceExhaustedError("the KV cache is full"));
}

TEST(GrpcRunnerClient, WantsExactlyOneFinished) {
  for (const int num_finished : {0, 2}) {
    auto runner = StartRunner({.tokens = {" am"}, .num_finished = num_finished});
    Client client({runner->address()});
    client.WaitHealthy();
    Generation generation;
    generation.Start(client);
    const absl::Status status = generation.end.get().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr("`finished`"));
  }
}

TEST(GrpcRunnerClient, WantsAScoreForEachLabel) {
  auto runner = StartRunner({.labels = {"a", "b", "c"}, .scores = {0.5, 0.5}});
  Client client({runner->address()});
  client.WaitHealthy();
  EXPECT_EQ(Classify(client, {"x"}).status(),
            absl::InternalError("the runner names 3 labels and gives 2 scores"));
}

TEST(GrpcRunnerClient, TakesNoScoreThatIsNoneOfItsKind) {
  for (const auto& [bad, text] : std::vector<std::pair<double, std::string>>{
           {NAN, "nan"}, {INFINITY, "inf"}, {-0.5, "-0.5"}, {1.5, "1.5"}}) {
    auto runner = StartRunner({.labels = {"a", "b"}, .scores = {0.5, bad}});
    Client client({runner->address()});
    client.WaitHealthy();
    EXPECT_EQ(Classify(client, {"x"}).status(),
              absl::InternalError("the runner gives a score that is not in [0, 1]: " + text));
  }
  auto raw = StartRunner({.scores = {-3, 1e9}, .score_kind = v1::SCORE_KIND_RAW});
  Client client({raw->address()});
  client.WaitHealthy();
  EXPECT_THAT(Classify(client, {"x"})->results(0).scores(), ElementsAre(-3, 1e9));
  auto broken = StartRunner({.scores = {-3, INFINITY}, .score_kind = v1::SCORE_KIND_RAW});
  Client other({broken->address()});
  other.WaitHealthy();
  EXPECT_EQ(Classify(other, {"x"}).status(),
            absl::InternalError("the runner gives a score that is not finite: inf"));
}

TEST(GrpcRunnerClient, EmbedsTexts) {
  auto runner = StartRunner({.vector = {0.5f, -2}});
  Client client({runner->address()});
  client.WaitHealthy();
  const auto reply = Embed(client, {"a", "bc"});
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(reply->results_size(), 2);
  EXPECT_THAT(reply->results(1).values(), ElementsAre(0.5f, -2));
  EXPECT_EQ(reply->results(1).num_tokens(), 2);
}

TEST(GrpcRunnerClient, TakesNoVectorThatIsNone) {
  for (const std::vector<float>& vector : {std::vector<float>(), std::vector<float>{0.5f, NAN}}) {
    auto runner = StartRunner({.vector = vector});
    Client client({runner->address()});
    client.WaitHealthy();
    EXPECT_EQ(Embed(client, {"x"}).status().code(), absl::StatusCode::kInternal);
  }
}

TEST(GrpcRunnerClient, CancellationReachesTheRunner) {
  auto runner = StartRunner({.tokens = {"x"}, .token_delay = kForever});
  Client client({runner->address()});
  client.WaitHealthy();
  std::stop_source stop;
  Generation generation;
  generation.Start(client, {}, {.stop = stop.get_token()});
  runner->WaitForGenerate(1);
  stop.request_stop();
  EXPECT_EQ(generation.end.get().status().code(), absl::StatusCode::kCancelled);
  runner->WaitForCancelled(1);
  EXPECT_EQ(
      Classify(client, {"a"}, {.deadline = absl::Now() + absl::Milliseconds(50)}).status().code(),
      absl::StatusCode::kDeadlineExceeded);
}

TEST(GrpcRunnerClient, ACallCancelledBeforehandEndsAtOnce) {
  auto runner = StartRunner({.tokens = {"x"}, .token_delay = kForever});
  Client client({runner->address()});
  client.WaitHealthy();
  std::stop_source stop;
  stop.request_stop();
  Generation generation;
  generation.Start(client, {}, {.stop = stop.get_token()});
  EXPECT_EQ(generation.end.get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Classify(client, {"a"}, {.stop = stop.get_token()}).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(GrpcRunnerClient, KeepsTheDeadline) {
  auto runner = StartRunner({.tokens = {"x"}, .token_delay = kForever});
  Client client({runner->address()});
  client.WaitHealthy();
  // A call that a busy machine holds up until its deadline never comes to the runner.
  absl::Duration timeout = absl::Milliseconds(50);
  for (; runner->generate_requests().empty(); timeout *= 2) {
    Generation generation;
    generation.Start(client, {}, {.deadline = absl::Now() + timeout});
    EXPECT_EQ(generation.end.get().status().code(), absl::StatusCode::kDeadlineExceeded);
  }
  runner->WaitForCancelled(1);  // It has heard of the deadline too.
}

TEST(GrpcRunnerClient, FailsAtOnceAndNotInlineWithoutAHealthyReplica) {
  auto runner = StartRunner({}, "127.0.0.1:0", /*serving=*/false);
  Client client({runner->address(), "127.0.0.1:1", runner->address()});
  EXPECT_FALSE(client->healthy());
  const std::thread::id caller = std::this_thread::get_id();
  std::promise<std::thread::id> thread;
  client->Classify({}, {}, [&](const absl::StatusOr<runner::v1::ClassifyResponse>& response) {
    EXPECT_EQ(response.status(), absl::UnavailableError("no healthy replica: 0 of 2 are serving"));
    thread.set_value(std::this_thread::get_id());
  });
  EXPECT_NE(thread.get_future().get(), caller);
  Generation generation;
  generation.Start(client);
  EXPECT_EQ(generation.end.get().status().code(), absl::StatusCode::kUnavailable);
}

TEST(GrpcRunnerClient, PicksHealthyReplicasOnly) {
  auto good = StartRunner();
  auto bad = StartRunner({}, "127.0.0.1:0", /*serving=*/false);
  Client client({bad->address(), good->address()});
  client.WaitHealthy();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Classify(client, {"a"}).ok());
  EXPECT_EQ(good->classify_requests().size(), 20u);
  EXPECT_EQ(bad->classify_requests().size(), 0u);

  // And follows changes.
  bad->SetServing(true);
  client.WaitForChanges(2);
  good->SetServing(false);
  client.WaitForChanges(3);
  EXPECT_TRUE(Classify(client, {"a"}).ok());
  EXPECT_EQ(bad->classify_requests().size(), 1u);
}

TEST(GrpcRunnerClient, AReplicaWithAnotherKindOfModelIsAskedOnlyWhereThereIsNoOther) {
  auto generator = StartRunner({.task = runner::v1::TASK_GENERATE,
                                .architecture = "GPT2LMHeadModel",
                                .defaults = ParseProto<v1::GenerationParams>("do_sample: false")});
  auto classifier = StartRunner(
      {.task = runner::v1::TASK_CLASSIFY, .architecture = "BertForSequenceClassification"});
  Client client({generator->address(), classifier->address()});
  client.WaitUntil([&] { return client->status().num_healthy() == 2; });
  EXPECT_TRUE(client->suits(ModelTask::kGenerate));
  EXPECT_TRUE(client->suits(ModelTask::kClassify));
  EXPECT_EQ(client->status().num_healthy(ModelTask::kGenerate), 1);
  EXPECT_EQ(client->status().replicas[1].model.architecture, "BertForSequenceClassification");
  EXPECT_EQ(client->status().replicas[0].model.defaults.ShortDebugString(), "do_sample: false");
  EXPECT_EQ(client->status().replicas[1].model.defaults.ByteSizeLong(), 0u);
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(Classify(client, {"x"}).ok());
  EXPECT_EQ(classifier->classify_requests().size(), 8u);

  classifier->SetServing(false);
  client.WaitUntil([&] { return client->status().num_healthy() == 1; });
  EXPECT_FALSE(client->suits(ModelTask::kClassify));
  EXPECT_TRUE(client->healthy());
  EXPECT_TRUE(Classify(client, {"x"}).ok());  // The scripted one answers; a real one says why not.
  EXPECT_EQ(generator->classify_requests().size(), 1u);
}

TEST(GrpcRunnerClient, ARunnerIsAskedAnewForItsModelWhenItComesBack) {
  const SocketPath path;
  auto runner = StartRunner({.task = runner::v1::TASK_CLASSIFY}, path.address());
  Client client({path.address()});
  client.WaitHealthy();
  EXPECT_FALSE(client->suits(ModelTask::kGenerate));
  runner.reset();
  client.WaitHealthy(false);
  EXPECT_TRUE(client->suits(ModelTask::kGenerate));  // Nothing serves, so nothing is wrong.
  runner = StartRunner({.task = runner::v1::TASK_GENERATE}, path.address());
  client.WaitHealthy();
  EXPECT_TRUE(client->suits(ModelTask::kGenerate));
  EXPECT_FALSE(client->suits(ModelTask::kClassify));
}

TEST(GrpcRunnerClient, ARunnerThatDoesNotSayWhatModelItHasServesAllTheSame) {
  auto runner = StartRunner({.task = runner::v1::TASK_CLASSIFY,
                             .model_info = absl::UnimplementedError("older than the question")});
  Client client({runner->address()});
  client.WaitHealthy();
  EXPECT_TRUE(client->suits(ModelTask::kGenerate));
}

TEST(GrpcRunnerClient, PrefersTheReplicaWithFewerCalls) {
  auto one = StartRunner({.tokens = {"x"}, .token_delay = kForever});
  auto two = StartRunner({.tokens = {"x"}, .token_delay = kForever});
  Client client({one->address(), two->address()});
  client.WaitForChanges(2);
  Generation generations[10];
  for (Generation& generation : generations) generation.Start(client);
  one->WaitForGenerate(5);
  two->WaitForGenerate(5);
  client.Destroy();
  for (Generation& generation : generations) EXPECT_FALSE(generation.end.get().ok());
}

// Serves one text, which does not end, and has two more wait; refuses the others.
class FullRunnerTest : public testing::Test {
 protected:
  FullRunnerTest() {
    client_.WaitHealthy();
    for (int i = 0; i < 3; ++i) {
      taken_[i].Start(client_, OfTokens(8), {.stop = stops_[i].get_token()});
      runner_->WaitForGenerate(i + 1);
    }
  }
  ~FullRunnerTest() override {
    for (std::stop_source& stop : stops_) stop.request_stop();
    for (Generation& taken : taken_) taken.end.wait();
  }

  static runner::v1::GenerateRequest OfTokens(uint32_t max_new_tokens, bool underway = false) {
    runner::v1::GenerateRequest request;
    request.mutable_params()->set_max_new_tokens(max_new_tokens);
    request.set_underway(underway);
    return request;
  }

  absl::Status Generate(const runner::v1::GenerateRequest& request) {
    Generation generation;
    generation.Start(client_, request);
    return generation.end.get().status();
  }

  absl::Status CheckRoom(uint32_t max_new_tokens) {
    return client_->CheckRoom(0, OfTokens(max_new_tokens).params());
  }

  // Has calls of 8 tokens refused until the client expects that, which it does for a tenth of a
  // second: on a machine that is stalled for longer, a few times.
  bool Fill() {
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(Generate(OfTokens(8)).code(), absl::StatusCode::kResourceExhausted);
      if (!CheckRoom(8).ok()) return true;
    }
    return false;
  }

  std::unique_ptr<FakeRunner> runner_ =
      StartRunner({.tokens = {"x"}, .token_delay = kForever, .max_active = 1, .max_waiting = 2});
  Client client_{{runner_->address()}};
  Generation taken_[3];
  std::stop_source stops_[3];
};

TEST_F(FullRunnerTest, IsNotAskedForWhatItWouldRefuse) {
  bool refused_here = false;
  for (int i = 0; i < 1000 && !refused_here; ++i) {
    const absl::Status status = Generate(OfTokens(8));
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    refused_here = status.message() == "the queue of every replica is full; retry later";
  }
  EXPECT_TRUE(refused_here);
  EXPECT_GE(client_->status().num_refusals, 1);
}

TEST_F(FullRunnerTest, IsAskedForSmallerCallsAndForThoseUnderway) {
  ASSERT_TRUE(Fill());
  EXPECT_TRUE(CheckRoom(7).ok());
  const size_t num_calls = runner_->generate_requests().size();
  EXPECT_EQ(Generate(OfTokens(8, /*underway=*/true)),
            absl::ResourceExhaustedError("the queue is full"));
  EXPECT_EQ(runner_->generate_requests().size(), num_calls + 1);
}

TEST_F(FullRunnerTest, IsAskedAgainWhenACallHasLeftItsQueue) {
  ASSERT_TRUE(Fill());
  const auto num_calls = static_cast<int>(runner_->generate_requests().size());
  stops_[2].request_stop();
  taken_[2].end.wait();
  runner_->WaitForCancelled(1);
  EXPECT_TRUE(CheckRoom(8).ok());
  std::stop_source stop;
  Generation next;
  next.Start(client_, OfTokens(8), {.stop = stop.get_token()});
  runner_->WaitForGenerate(num_calls + 1);
  stop.request_stop();
  EXPECT_EQ(next.end.get().status().code(), absl::StatusCode::kCancelled);  // It was taken.
}

TEST(GrpcRunnerClient, ALostRunnerIsUnavailableAndFoundAgain) {
  const SocketPath socket;
  auto runner = StartRunner({.tokens = {" am", "x"}, .token_delay = kForever}, socket.address());
  Client client({socket.address()});
  client.WaitHealthy();
  Generation generation;
  generation.Start(client);
  runner->WaitForGenerate(1);
  runner.reset();
  EXPECT_EQ(generation.end.get().status().code(), absl::StatusCode::kUnavailable);
  client.WaitHealthy(false);
  EXPECT_EQ(Classify(client, {"a"}).status().code(), absl::StatusCode::kUnavailable);

  runner = StartRunner({}, socket.address());
  const absl::Time returned = absl::Now();
  client.WaitHealthy();
  EXPECT_LT(absl::Now() - returned, absl::Seconds(5));
  EXPECT_TRUE(Classify(client, {"a"}).ok());
}

// A runner that fails every call, after its tokens.
FakeRunner::Script Failing(absl::Status error, std::vector<std::string> tokens = {}) {
  return {.tokens = std::move(tokens), .error = std::move(error)};
}

TEST(GrpcRunnerClient, TriesAnUnavailableCallOnceMoreElsewhere) {
  auto bad = StartRunner(Failing(absl::UnavailableError("draining")));
  auto good = StartRunner({.tokens = {" am"}});
  Client client({bad->address(), good->address()});
  client.WaitUntil([&] { return client->status().num_healthy() == 2; });
  for (int i = 0; i < 20; ++i) {
    Generation generation;
    generation.Start(client);
    const auto end = generation.end.get();
    ASSERT_TRUE(end.ok()) << end.status();
    EXPECT_THAT(generation.deltas, ElementsAre(" am"));
    EXPECT_TRUE(Classify(client, {"a"}).ok());
  }
  EXPECT_EQ(good->generate_requests().size(), 20u);
  EXPECT_EQ(static_cast<size_t>(client->status().num_retries),
            bad->generate_requests().size() + bad->classify_requests().size());
}

TEST(GrpcRunnerClient, TriesNothingTwiceThatIsNotUnavailable) {
  for (const absl::Status& error :
       {absl::InternalError("x"), absl::ResourceExhaustedError("x"),
        absl::InvalidArgumentError("x"), absl::DeadlineExceededError("x")}) {
    auto one = StartRunner(Failing(error));
    auto two = StartRunner(Failing(error));
    Client client({one->address(), two->address()});
    client.WaitUntil([&] { return client->status().num_healthy() == 2; });
    EXPECT_EQ(Classify(client, {"a"}).status(), error);
    EXPECT_EQ(one->classify_requests().size() + two->classify_requests().size(), 1u);
  }
}

TEST(GrpcRunnerClient, ACallMeetsAtMostTwoReplicas) {
  std::vector<std::unique_ptr<FakeRunner>> runners;
  std::vector<std::string> addresses;
  for (int i = 0; i < 4; ++i) {
    runners.push_back(StartRunner(Failing(absl::UnavailableError("gone"))));
    addresses.push_back(runners.back()->address());
  }
  Client client(addresses);
  client.WaitUntil([&] { return client->status().num_healthy() == 4; });
  EXPECT_EQ(Classify(client, {"a"}).status(), absl::UnavailableError("gone"));
  size_t num_calls = 0;
  for (const auto& runner : runners) num_calls += runner->classify_requests().size();
  EXPECT_EQ(num_calls, 2u);
}

TEST(GrpcRunnerClient, ATextThatHasBegunIsNotTriedAgainUnlessItMayRestart) {
  auto bad = StartRunner(Failing(absl::UnavailableError("gone"), {" was"}));
  auto good = StartRunner({.tokens = {" am"}});
  Client client({bad->address(), good->address()});
  client.WaitUntil([&] { return client->status().num_healthy() == 2; });
  int num_failed = 0, num_restarted = 0;
  for (int i = 0; i < 40; ++i) {
    const bool may_restart = i % 2 == 1;
    Generation generation;
    generation.Start(client, {}, {}, may_restart);
    const auto end = generation.end.get();
    if (generation.deltas[0] == " am") continue;
    if (may_restart) {
      ASSERT_TRUE(end.ok()) << end.status();
      EXPECT_THAT(generation.deltas, ElementsAre(" was", "<restart>", " am"));
      ++num_restarted;
    } else {
      EXPECT_EQ(end.status(), absl::UnavailableError("gone"));
      EXPECT_THAT(generation.deltas, ElementsAre(" was"));
      ++num_failed;
    }
  }
  EXPECT_GT(num_failed + num_restarted, 0);
}

TEST(GrpcRunnerClient, ARunnerThatDiesLosesNoCallThatMayRestart) {
  auto dying = StartRunner({.tokens = {" was", " x"}, .token_delay = kForever});
  auto good = StartRunner({.tokens = {" am"}, .token_delay = absl::Milliseconds(1)});
  Client client({dying->address(), good->address()});
  client.WaitUntil([&] { return client->status().num_healthy() == 2; });
  Generation generations[8];
  for (Generation& generation : generations) generation.Start(client, {}, {}, /*may_restart=*/true);
  dying->WaitForGenerate(1);
  dying.reset();
  for (Generation& generation : generations) EXPECT_TRUE(generation.end.get().ok());
}

TEST(GrpcRunnerClient, LeavesAReplicaAloneThatServesButFails) {
  auto bad = StartRunner(Failing(absl::InternalError("broken")));
  auto good = StartRunner();
  Client client({bad->address(), good->address()});
  client.WaitUntil([&] { return client->status().num_healthy() == 2; });
  for (int i = 0; i < 200; ++i) Classify(client, {"a"}).status().IgnoreError();
  EXPECT_LE(bad->classify_requests().size(), 8u);  // Five, and one for each second that this took.
  const RunnerStatus status = client->status();
  EXPECT_EQ(status.num_healthy(), 1);
  EXPECT_EQ(status.replicas[0].num_ejections + status.replicas[1].num_ejections, 1);
  EXPECT_TRUE(client->healthy());
}

// Addresses that a name has, as the test likes them.
class Names {
 public:
  ReplicaSet::Resolve resolver() {
    return [this](const std::string& endpoint) -> absl::StatusOr<std::vector<std::string>> {
      EXPECT_EQ(endpoint, "runner:1");
      std::lock_guard lock(mutex_);
      return addresses_;
    };
  }
  void Set(absl::StatusOr<std::vector<std::string>> addresses) {
    std::lock_guard lock(mutex_);
    addresses_ = std::move(addresses);
  }

 private:
  std::mutex mutex_;
  absl::StatusOr<std::vector<std::string>> addresses_ = absl::UnavailableError("no such name");
};

TEST(GrpcRunnerClient, FollowsTheAddressesOfAName) {
  auto one = StartRunner();
  auto two = StartRunner();
  Names names;
  Client client({"runner:1"}, names.resolver());
  while (Classify(client, {"a"}).status() !=
         absl::UnavailableError("no healthy replica: 0 of 0 are serving; no such name")) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  names.Set(std::vector{one->address()});
  client.WaitHealthy();
  EXPECT_TRUE(Classify(client, {"a"}).ok());
  names.Set(std::vector{one->address(), two->address()});
  client.WaitUntil([&] { return client->status().num_healthy() == 2; });
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Classify(client, {"a"}).ok());
  EXPECT_GT(two->classify_requests().size(), 5u);

  names.Set(std::vector{two->address()});
  client.WaitUntil([&] { return client->status().replicas.size() == 1; });
  const size_t before = one->classify_requests().size();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Classify(client, {"a"}).ok());
  EXPECT_EQ(one->classify_requests().size(), before);
}

TEST(GrpcRunnerClient, AReplicaThatIsGoneFromTheNameEndsItsCalls) {
  auto runner = StartRunner({.tokens = {"x", "y"}, .token_delay = absl::Milliseconds(100)});
  Names names;
  names.Set(std::vector{runner->address()});
  Client client({"runner:1"}, names.resolver());
  client.WaitHealthy();
  Generation generation;
  generation.Start(client);
  runner->WaitForGenerate(1);
  names.Set(std::vector<std::string>{});
  client.WaitUntil([&] { return client->status().replicas.empty(); });
  EXPECT_TRUE(generation.end.get().ok());
  EXPECT_THAT(generation.deltas, ElementsAre("x", "y"));
}

TEST(GrpcRunnerClient, ANameThatCannotBeResolvedKeepsTheReplicasThatServe) {
  auto serving = StartRunner();
  auto stopped = StartRunner();
  Names names;
  names.Set(std::vector{serving->address(), stopped->address()});
  Client client({"runner:1"}, names.resolver());
  client.WaitUntil([&] { return client->status().num_healthy() == 2; });
  names.Set(absl::UnavailableError("the name server is away"));
  stopped->SetServing(false);
  client.WaitUntil([&] { return client->status().replicas.size() == 1; });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Classify(client, {"a"}).ok());
}

TEST(GrpcRunnerClient, DestructionCancelsWhatIsInProgress) {
  auto runner = StartRunner({.tokens = {"x"}, .token_delay = kForever});
  Client client({runner->address()});
  client.WaitHealthy();
  Generation generation;
  generation.Start(client);
  runner->WaitForGenerate(1);
  client.Destroy();
  ASSERT_EQ(generation.end.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(generation.end.get().status().code(), absl::StatusCode::kCancelled);
}

TEST(GrpcRunnerClient, RefusesWhatIsNoEndpoint) {
  EXPECT_EQ(GrpcRunnerClient::Create({}).status(),
            absl::InvalidArgumentError("endpoints must name at least one replica"));
  EXPECT_EQ(GrpcRunnerClient::Create({.endpoints = {"127.0.0.1:1", "localhost"}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace chorus::gateway
