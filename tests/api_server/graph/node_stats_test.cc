#include "api_server/graph/node_stats.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace chorus {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1000);

TEST(NodeStatsTest, FollowsACallFromBeginToEnd) {
  NodeStats stats;
  NodeStats::Call call = stats.Begin(kStart);
  EXPECT_EQ(stats.Take(kStart).in_flight, 1u);
  EXPECT_EQ(stats.Take(kStart).waiting, 1u);
  stats.OnFirstToken(call);
  stats.OnFirstToken(call);
  EXPECT_EQ(stats.Take(kStart).in_flight, 1u);
  EXPECT_EQ(stats.Take(kStart).waiting, 0u);
  EXPECT_EQ(stats.Take(kStart).recent_calls, 0u);
  EXPECT_FALSE(stats.Take(kStart).p50.has_value());
  stats.End(call, /*ok=*/true, kStart + absl::Seconds(2));
  const NodeStats::Snapshot end = stats.Take(kStart + absl::Seconds(2));
  EXPECT_EQ(end.in_flight, 0u);
  EXPECT_EQ(end.recent_calls, 1u);
  EXPECT_EQ(end.recent_failures, 0u);
  EXPECT_NEAR(absl::ToDoubleSeconds(end.p50.value()), 2, 0.1);
  EXPECT_NEAR(absl::ToDoubleSeconds(end.p99.value()), 2, 0.1);
}

TEST(NodeStatsTest, KeepsFailuresOutOfTheQuantiles) {
  NodeStats stats;
  NodeStats::Call call = stats.Begin(kStart);
  stats.End(call, /*ok=*/false, kStart + absl::Seconds(9));
  const NodeStats::Snapshot end = stats.Take(kStart + absl::Seconds(9));
  EXPECT_EQ(end.in_flight, 0u);
  EXPECT_EQ(end.waiting, 0u);
  EXPECT_EQ(end.recent_calls, 0u);
  EXPECT_EQ(end.recent_failures, 1u);
  EXPECT_FALSE(end.p50.has_value());
}

TEST(NodeStatsTest, CountsCallsOfManyThreads) {
  constexpr int kNumThreads = 8, kNumCalls = 500;
  NodeStats stats;
  std::vector<std::thread> threads;
  for (int i = 0; i < kNumThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kNumCalls; ++j) {
        NodeStats::Call call = stats.Begin(kStart);
        stats.OnFirstToken(call);
        stats.End(call, j % 5 != 0, kStart + absl::Milliseconds(j));
        stats.Take(kStart);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const NodeStats::Snapshot end = stats.Take(kStart);
  EXPECT_EQ(end.in_flight, 0u);
  EXPECT_EQ(end.waiting, 0u);
  EXPECT_EQ(end.recent_failures, kNumThreads * kNumCalls / 5u);
  EXPECT_EQ(end.recent_calls, kNumThreads * kNumCalls * 4 / 5u);
}

}  // namespace
}  // namespace chorus
