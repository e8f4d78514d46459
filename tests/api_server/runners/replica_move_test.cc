// A client's endpoints are replaced under calls in progress.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api_server/runners/grpc_runner_client.h"
#include "tests/fakes/fake_runner.h"

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class ReplicaMoveTest : public ::testing::Test {
 protected:
  std::unique_ptr<FakeRunner> StartRunner(bool serving = true) {
    auto runner = FakeRunner::Start(
        {.script = {.tokens = {" a", " b"}, .token_delay = absl::Milliseconds(50)},
         .serving = serving});
    EXPECT_TRUE(runner.ok()) << runner.status();
    return *std::move(runner);
  }

  void MakeClient(std::vector<std::string> endpoints) {
    auto client = GrpcRunnerClient::Create({.name = "test",
                                            .endpoints = std::move(endpoints),
                                            .on_health_change = [this] { OnHealthChange(); },
                                            .resolve_period = absl::Milliseconds(20)});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  // Blocks until `condition` holds; it is asked after every change of health.
  void WaitUntil(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    while (!condition()) changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
  void WaitHealthy() {
    WaitUntil([&] { return client_->healthy(); });
  }

  std::future<absl::StatusOr<v1::GenerationEnd>> Generate() {
    auto promise = std::make_shared<std::promise<absl::StatusOr<v1::GenerationEnd>>>();
    runner::v1::GenerateRequest request;
    request.set_text("x");
    client_->Generate(
        std::move(request), {}, [](v1::TextDelta) {}, nullptr,
        [promise](absl::StatusOr<v1::GenerationEnd> end) { promise->set_value(std::move(end)); });
    return promise->get_future();
  }

  // Of the replicas that there are, whether they take calls or not.
  std::vector<std::string> Endpoints() const {
    std::vector<std::string> endpoints;
    for (const ReplicaStatus& replica : client_->status().replicas) {
      endpoints.push_back(replica.endpoint);
    }
    return endpoints;
  }

 private:
  void OnHealthChange() {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;

 protected:
  std::unique_ptr<GrpcRunnerClient> client_;
};

TEST_F(ReplicaMoveTest, TheOldOneTakesCallsUntilTheNewOneServes) {
  const auto old_one = StartRunner(), new_one = StartRunner(/*serving=*/false);
  MakeClient({old_one->address()});
  WaitHealthy();
  ASSERT_TRUE(client_->SetEndpoints({new_one->address()}).ok());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Generate().get().ok());
  EXPECT_EQ(old_one->generate_requests().size(), 3u);

  new_one->SetServing(true);
  WaitUntil([&] { return Endpoints() == std::vector<std::string>{new_one->address()}; });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Generate().get().ok());
  EXPECT_EQ(old_one->generate_requests().size(), 3u);
  EXPECT_EQ(new_one->generate_requests().size(), 3u);
}

TEST_F(ReplicaMoveTest, ACallEndsWhereItBegan) {
  const auto old_one = StartRunner(), new_one = StartRunner();
  MakeClient({old_one->address()});
  WaitHealthy();
  auto call = Generate();
  old_one->WaitForGenerate(1);
  ASSERT_TRUE(client_->SetEndpoints({new_one->address()}).ok());
  // It is known, and takes no calls, for as long as it has one.
  WaitUntil([&] { return Generate().get().ok() && !new_one->generate_requests().empty(); });
  const size_t num_calls = old_one->generate_requests().size();  // Some until the new one served.
  EXPECT_TRUE(Generate().get().ok());
  const absl::StatusOr<v1::GenerationEnd> end = call.get();
  EXPECT_TRUE(end.ok()) << end.status();
  WaitUntil([&] { return Endpoints() == std::vector<std::string>{new_one->address()}; });
  EXPECT_EQ(old_one->generate_requests().size(), num_calls);
}

TEST_F(ReplicaMoveTest, OneThatNeverServesReplacesNothing) {
  const auto old_one = StartRunner();
  const std::string nobody = "unix:/nonexistent/socket";
  MakeClient({old_one->address()});
  WaitHealthy();
  ASSERT_TRUE(client_->SetEndpoints({nobody}).ok());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Generate().get().ok());
  EXPECT_THAT(Endpoints(), UnorderedElementsAre(old_one->address(), nobody));
  ASSERT_TRUE(client_->SetEndpoints({old_one->address()}).ok());  // It is taken back.
  EXPECT_TRUE(Generate().get().ok());
  WaitUntil([&] { return Endpoints() == std::vector<std::string>{old_one->address()}; });
}

TEST_F(ReplicaMoveTest, AModelForAnotherTaskReplacesNothing) {
  const auto old_one = StartRunner();
  auto other = FakeRunner::Start({.script = {.task = runner::v1::TASK_CLASSIFY}});
  auto new_one = FakeRunner::Start({.script = {.task = runner::v1::TASK_GENERATE}});
  ASSERT_TRUE(other.ok() && new_one.ok());
  MakeClient({old_one->address()});
  WaitHealthy();
  const std::vector<std::string> endpoints = {(*other)->address()};
  ASSERT_TRUE(client_->SetEndpoints(endpoints, ModelTask::kGenerate).ok());
  WaitUntil([&] { return client_->status().num_healthy() == 2; });
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client_->SetEndpoints(endpoints, ModelTask::kGenerate).ok());
    EXPECT_TRUE(Generate().get().ok());
  }
  EXPECT_EQ(old_one->generate_requests().size(), 5u);
  ASSERT_TRUE(client_->SetEndpoints({(*new_one)->address()}, ModelTask::kGenerate).ok());
  WaitUntil([&] { return Endpoints() == std::vector{(*new_one)->address()}; });
  // Where any will do, it does.
  ASSERT_TRUE(client_->SetEndpoints(endpoints, ModelTask::kUnknown).ok());
  WaitUntil([&] { return Endpoints() == endpoints; });
}

TEST_F(ReplicaMoveTest, OneOldStaysForEachThatIsNewAndOthersLeaveAtOnce) {
  const auto a = StartRunner(), b = StartRunner(), c = StartRunner(/*serving=*/false);
  MakeClient({a->address(), b->address()});
  WaitUntil([&] { return client_->status().num_healthy() == 2; });
  ASSERT_TRUE(client_->SetEndpoints({c->address()}).ok());
  WaitUntil([&] { return Endpoints().size() == 2; });
  EXPECT_EQ(client_->status().num_healthy(), 1);
  c->SetServing(true);
  WaitUntil([&] { return Endpoints() == std::vector<std::string>{c->address()}; });
}

TEST_F(ReplicaMoveTest, WithoutEndpointsNoCallsAreTaken) {
  const auto old_one = StartRunner();
  MakeClient({old_one->address()});
  WaitHealthy();
  auto call = Generate();
  old_one->WaitForGenerate(1);
  ASSERT_TRUE(client_->SetEndpoints({}).ok());
  EXPECT_TRUE(absl::IsUnavailable(Generate().get().status()));
  EXPECT_TRUE(call.get().ok());
  WaitUntil([&] { return Endpoints().empty(); });
}

TEST_F(ReplicaMoveTest, AMalformedEndpointChangesNothing) {
  const auto old_one = StartRunner();
  MakeClient({old_one->address()});
  WaitHealthy();
  EXPECT_TRUE(absl::IsInvalidArgument(client_->SetEndpoints({"x:y:z"})));
  EXPECT_THAT(Endpoints(), ElementsAre(old_one->address()));
  EXPECT_TRUE(Generate().get().ok());
}

}  // namespace
}  // namespace chorus::gateway
