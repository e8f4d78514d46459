#include "api_server/graph/node_stats.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace chorus::gateway {
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
  stats.End(call, CallEnd::kOk, kStart + absl::Seconds(2));
  const NodeStats::Snapshot end = stats.Take(kStart + absl::Seconds(2));
  EXPECT_EQ(end.in_flight, 0u);
  EXPECT_EQ(end.recent_calls, 1u);
  EXPECT_EQ(end.recent_failures, 0u);
  EXPECT_NEAR(absl::ToDoubleSeconds(end.p50.value()), 2, 0.1);
  EXPECT_NEAR(absl::ToDoubleSeconds(end.p99.value()), 2, 0.1);
}

TEST(NodeStatsTest, CountsFailuresAndCallersErrorsApartAndKeepsThemOutOfTheQuantiles) {
  NodeStats stats;
  for (const CallEnd how :
       {CallEnd::kFailed, CallEnd::kByCaller, CallEnd::kByCaller, CallEnd::kCalledOff}) {
    NodeStats::Call call = stats.Begin(kStart);
    stats.End(call, how, kStart + absl::Seconds(9));
  }
  const NodeStats::Snapshot end = stats.Take(kStart + absl::Seconds(9));
  EXPECT_EQ(end.in_flight, 0u);
  EXPECT_EQ(end.waiting, 0u);
  EXPECT_EQ(end.recent_calls, 0u);
  EXPECT_EQ(end.recent_failures, 1u);
  EXPECT_EQ(end.recent_caller_errors, 2u);
  EXPECT_FALSE(end.p50.has_value());
  EXPECT_EQ(end.likely, absl::ZeroDuration());
}

TEST(NodeStatsTest, WhatACallLikelyTakesIsThe95thPercentileAndFadesWithTime) {
  NodeStats stats;
  absl::Time now = kStart;
  const auto likely = [&] { return absl::ToDoubleSeconds(stats.Take(now).likely); };
  const auto end_call = [&](double seconds) {
    NodeStats::Call call = stats.Begin(now - absl::Seconds(seconds));
    stats.End(call, CallEnd::kOk, now);
  };
  for (int i = 0; i < 100; ++i) end_call(0.01);
  end_call(8);
  EXPECT_NEAR(likely(), 0.01, 0.001);         // One in a hundred is not to be reckoned with.
  for (int i = 0; i < 100; ++i) end_call(4);  // A burst,
  EXPECT_NEAR(likely(), 4, 0.2);
  now += absl::Seconds(5);  // and then nothing.
  EXPECT_NEAR(likely(), 4, 0.2);
  now += absl::Seconds(5);
  EXPECT_NEAR(likely(), 2, 0.1);
  now += absl::Seconds(10);
  EXPECT_NEAR(likely(), 0.5, 0.05);
  end_call(0.01);  // One short call does not bring the burst back.
  EXPECT_NEAR(likely(), 0.5, 0.05);
  now += absl::Seconds(30);
  EXPECT_LT(likely(), 0.02);
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
        stats.End(call, j % 5 != 0 ? CallEnd::kOk : CallEnd::kFailed,
                  kStart + absl::Milliseconds(j));
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
}  // namespace chorus::gateway
