#include "api_server/runner_clients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/worker_pool.h"
#include "tests/fakes/fake_runner.h"

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr runner::v1::Task kGenerator = runner::v1::TASK_GENERATE;
constexpr runner::v1::Task kClassifier = runner::v1::TASK_CLASSIFY;

class RunnerClientsTest : public ::testing::Test {
 protected:
  RunnerClientsTest() {
    writer_ = Start(kGenerator);
    scorer_ = Start(kClassifier);
    served_ = MakeConfig({{"writer", {writer_->address()}}, {"scorer", {scorer_->address()}}},
                         "writer", "scorer");
    EXPECT_TRUE(clients_.Try(served_).ok());
    clients_.Serve(served_);
    WaitUntil([&] { return Healthy("writer") && Healthy("scorer"); });
  }

  static std::unique_ptr<FakeRunner> Start(runner::v1::Task task, bool serving = true) {
    auto runner =
        FakeRunner::Start({.script = {.task = task, .architecture = "Some"}, .serving = serving});
    EXPECT_TRUE(runner.ok()) << runner.status();
    return *std::move(runner);
  }

  // With the graph "g": a text of `generator`, which `classifier` scores.
  static Config MakeConfig(std::vector<Config::Runner> runners, const std::string& generator,
                           const std::string& classifier) {
    config::v1::Graph graph;
    graph.set_name("g");
    graph.set_output("s");
    config::v1::Node& text = *graph.add_nodes();
    text.set_name("a");
    text.mutable_generate()->set_runner(generator);
    config::v1::Node& score = *graph.add_nodes();
    score.set_name("s");
    score.mutable_classify()->set_runner(classifier);
    score.mutable_classify()->add_inputs("a");
    std::set<std::string> names;
    for (const Config::Runner& runner : runners) names.insert(runner.name);
    auto made = Graph::Create(graph, {names.begin(), names.end()});
    EXPECT_TRUE(made.ok()) << made.status();
    return {.runners = std::move(runners), .graphs = {*std::move(made)}};
  }

  void Try(const Config& config) {
    const auto runners = clients_.Try(config);
    ASSERT_TRUE(runners.ok()) << runners.status();
    EXPECT_EQ(runners->size(), config.runners.size());
  }

  // Blocks until `condition` holds.
  void WaitUntil(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    while (!condition()) changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
  bool Healthy(const std::string& runner) { return clients_.all().at(runner)->healthy(); }
  std::vector<std::string> Endpoints(const std::string& runner) {
    std::vector<std::string> endpoints;
    for (const ReplicaStatus& replica : clients_.all().at(runner)->status().replicas) {
      endpoints.push_back(replica.endpoint);
    }
    return endpoints;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<FakeRunner> writer_, scorer_;
  WorkerPool workers_{1};
  RunnerClients clients_{workers_, [this] {
                           std::lock_guard lock(mutex_);
                           changed_.notify_all();
                         }};
  Config served_;
};

TEST_F(RunnerClientsTest, ANewRunnerIsLackedUntilItServes) {
  const auto more = Start(kGenerator, /*serving=*/false);
  const auto other = Start(kGenerator, /*serving=*/false);
  std::vector<Config::Runner> runners = served_.runners;
  runners.push_back({"more", {more->address()}});
  runners.push_back({"other", {other->address()}});
  const Config config = MakeConfig(runners, "more", "scorer");
  Try(config);
  EXPECT_THAT(clients_.Lacks(config),
              ElementsAre("graph \"g\": node \"a\": no replica of its runner \"more\" serves",
                          "no replica of the new runner \"other\" serves"));
  more->SetServing(true);
  other->SetServing(true);
  WaitUntil([&] { return clients_.Lacks(config).empty(); });
  clients_.Serve(config);
  Try(served_);
  EXPECT_THAT(clients_.Lacks(served_), IsEmpty());
}

TEST_F(RunnerClientsTest, AModelForAnotherTaskIsLacked) {
  std::vector<Config::Runner> runners = served_.runners;
  runners.push_back({"more", {scorer_->address()}});
  const Config config = MakeConfig(runners, "more", "scorer");
  Try(config);
  WaitUntil([&] { return Healthy("more"); });
  EXPECT_THAT(clients_.Lacks(config),
              ElementsAre(HasSubstr("node \"a\" generates, but the model of its runner \"more\" is "
                                    "a classifier (Some)")));
}

TEST_F(RunnerClientsTest, WhatIsLackedAlreadyHoldsNothingUp) {
  writer_->SetServing(false);
  WaitUntil([&] { return !Healthy("writer"); });
  Try(served_);
  EXPECT_THAT(clients_.Lacks(served_), IsEmpty());
  const Config other = MakeConfig(served_.runners, "writer", "writer");
  Try(other);
  EXPECT_THAT(clients_.Lacks(other), ElementsAre(HasSubstr("node \"s\": no replica")));
}

TEST_F(RunnerClientsTest, WhatIsTriedIsGivenUp) {
  const std::string nobody = "unix:/nonexistent/socket";
  std::vector<Config::Runner> runners = served_.runners;
  runners.push_back({"more", {nobody}});
  Try(MakeConfig(runners, "more", "scorer"));
  EXPECT_THAT(Endpoints("more"), ElementsAre(nobody));
  clients_.Release();
  EXPECT_FALSE(clients_.all().contains("more"));
  EXPECT_THAT(Endpoints("writer"), ElementsAre(writer_->address()));
}

TEST_F(RunnerClientsTest, OneThatWasServedIsConnectedToBeServedAgain) {
  clients_.Serve(MakeConfig({{"scorer", {scorer_->address()}}}, "scorer", "scorer"));
  EXPECT_FALSE(Healthy("writer"));  // Calls may still use it, so it is kept.
  WaitUntil([&] { return Endpoints("writer").empty(); });
  Try(served_);
  WaitUntil([&] { return clients_.Lacks(served_).empty(); });
  EXPECT_TRUE(Healthy("writer"));
  clients_.Release();
  EXPECT_FALSE(Healthy("writer"));
}

TEST_F(RunnerClientsTest, ARunnerThatWorksIsLeftAloneAndMovesAfterwards) {
  const auto writer2 = Start(kGenerator);
  std::vector<Config::Runner> runners = {{"writer", {writer2->address()}}, served_.runners[1]};
  const Config config = MakeConfig(runners, "writer", "scorer");
  Try(config);
  EXPECT_THAT(clients_.Lacks(config), IsEmpty());
  EXPECT_THAT(Endpoints("writer"), ElementsAre(writer_->address()));
  clients_.Serve(config);
  WaitUntil([&] { return Endpoints("writer") == std::vector{writer2->address()}; });
  EXPECT_THAT(clients_.Awaits(), IsEmpty());
}

TEST_F(RunnerClientsTest, TellsWhichEndpointsItAwaitsAndWhoServesMeanwhile) {
  EXPECT_THAT(clients_.Awaits(), IsEmpty());
  const auto writer2 = Start(kGenerator, /*serving=*/false);
  const Config config =
      MakeConfig({{"writer", {writer2->address()}}, served_.runners[1]}, "writer", "scorer");
  Try(config);
  EXPECT_THAT(clients_.Awaits(), IsEmpty());  // It is not served there.
  clients_.Serve(config);
  const std::string words = "the runner \"writer\" does not serve yet at " + writer2->address();
  EXPECT_THAT(clients_.Awaits(), ElementsAre(words + "; its calls go to " + writer_->address()));
  writer_->SetServing(false);
  WaitUntil([&] { return !Healthy("writer"); });
  EXPECT_THAT(clients_.Awaits(), ElementsAre(words + ", nor anywhere else"));
  writer2->SetServing(true);
  WaitUntil([&] { return clients_.Awaits().empty(); });
}

TEST_F(RunnerClientsTest, ARunnerAndItsGraphChangeTheTaskTogether) {
  const auto writer2 = Start(kGenerator);
  const Config config = MakeConfig(
      {{"writer", {scorer_->address()}}, {"scorer", {writer2->address()}}}, "scorer", "writer");
  Try(config);
  WaitUntil([&] { return clients_.Lacks(config).empty(); });
  // Until then both can do what they did.
  EXPECT_TRUE(clients_.all().at("writer")->suits(ModelTask::kGenerate));
  EXPECT_TRUE(clients_.all().at("scorer")->suits(ModelTask::kClassify));
  clients_.Serve(config);
  WaitUntil([&] {
    return Endpoints("writer") == std::vector{scorer_->address()} &&
           Endpoints("scorer") == std::vector{writer2->address()};
  });
}

TEST_F(RunnerClientsTest, AMalformedEndpointIsAnError) {
  const Config config = MakeConfig({{"more", {"x:y:z"}}}, "more", "more");
  EXPECT_TRUE(absl::IsInvalidArgument(clients_.Try(config).status()));
}

}  // namespace
}  // namespace chorus::gateway
