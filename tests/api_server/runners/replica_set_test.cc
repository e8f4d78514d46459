#include "api_server/runners/replica_set.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "absl/time/clock.h"
#include "tests/fakes/fake_runner.h"

namespace chorus::gateway {
namespace {

// Two replicas that serve.
class ReplicaSetTest : public testing::Test {
 protected:
  ReplicaSetTest() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return num_changes_ >= 2; });
  }

  static std::unique_ptr<FakeRunner> StartRunner() {
    auto runner = FakeRunner::Start({});
    EXPECT_TRUE(runner.ok()) << runner.status();
    return *std::move(runner);
  }

  // Has `replica` refuse calls of `tokens` tokens, so that it counts as full for a tenth of a
  // second.
  void Fill(const FakeRunner& replica, int64_t tokens) {
    for (int num_refused = 0; num_refused < 2;) {
      absl::StatusOr<Endpoint::Lease> lease =
          replicas_.Choose({.tokens = tokens, .waits = false});  // Also where it is full already.
      ASSERT_TRUE(lease.ok()) << lease.status();
      if ((*lease)->address() != replica.address()) continue;
      Endpoint::Lease waiting = lease->get()->BeginCall(tokens, /*waits=*/true);
      waiting.OnExhausted(absl::Now());
      ++num_refused;
    }
  }

  void OnChange() {
    std::lock_guard lock(mutex_);
    ++num_changes_;
    changed_.notify_all();
  }

  const std::unique_ptr<FakeRunner> one_ = StartRunner(), two_ = StartRunner();
  std::mutex mutex_;
  std::condition_variable changed_;
  int num_changes_ = 0;
  ReplicaSet replicas_{{.runner = "test",
                        .endpoints = {one_->address(), two_->address()},
                        .max_message_bytes = 1 << 20,
                        .on_health_change = [this] { OnChange(); }}};
};

TEST_F(ReplicaSetTest, AFullReplicaIsPassedOver) {
  for (int i = 0; i < 20; ++i) {
    Fill(*one_, 40);
    const absl::StatusOr<Endpoint::Lease> lease = replicas_.Choose({.tokens = 40, .waits = true});
    ASSERT_TRUE(lease.ok()) << lease.status();
    EXPECT_EQ((*lease)->address(), two_->address());
  }
  EXPECT_TRUE(replicas_.CheckRoom({.tokens = 40, .waits = true}).ok());
  EXPECT_EQ(replicas_.status().num_refusals, 0);
}

TEST_F(ReplicaSetTest, CallsAreRefusedWhereAllAreFull) {
  const absl::Status full =
      absl::ResourceExhaustedError("the queue of every replica is full; retry later");
  Fill(*one_, 40);
  Fill(*two_, 60);
  EXPECT_TRUE(replicas_.CheckRoom({.tokens = 59, .waits = true}).ok());
  EXPECT_TRUE(replicas_.CheckRoom({.tokens = 60, .waits = false}).ok());
  Fill(*one_, 40);
  Fill(*two_, 60);
  EXPECT_EQ(replicas_.CheckRoom({.tokens = 60, .waits = true}), full);
  Fill(*one_, 40);
  Fill(*two_, 60);
  EXPECT_EQ(replicas_.Choose({.tokens = 60, .waits = true}).status(), full);
  EXPECT_EQ(replicas_.status().num_refusals, 2);
}

}  // namespace
}  // namespace chorus::gateway
