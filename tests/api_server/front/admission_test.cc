#include "api_server/front/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace chorus::gateway {
namespace {

using ::testing::HasSubstr;

TEST(AdmissionTest, RefusesOverTheBoundAndTakesAgainWhenAPermitIsBack) {
  Admission admission(2);
  std::optional<Admission::Permit> first = *admission.TryAcquire();
  const auto second = admission.TryAcquire();
  ASSERT_TRUE(second.ok());
  const auto third = admission.TryAcquire();
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(third.status().message(), HasSubstr("2"));
  EXPECT_EQ(admission.num_in_progress(), 2);
  first.reset();
  EXPECT_TRUE(admission.TryAcquire().ok());
}

TEST(AdmissionTest, AMovedPermitCountsOnce) {
  Admission admission(1);
  {
    Admission::Permit permit = *admission.TryAcquire();
    const Admission::Permit moved = std::move(permit);
    EXPECT_EQ(admission.num_in_progress(), 1);
  }
  EXPECT_EQ(admission.num_in_progress(), 0);
}

TEST(AdmissionTest, ClosedRefusesButLetsPermitsEnd) {
  Admission admission(2);
  std::optional<Admission::Permit> permit = *admission.TryAcquire();
  admission.Close();
  EXPECT_EQ(admission.TryAcquire().status().code(), absl::StatusCode::kUnavailable);
  permit.reset();
  EXPECT_EQ(admission.num_in_progress(), 0);
  EXPECT_EQ(admission.TryAcquire().status().code(), absl::StatusCode::kUnavailable);
}

TEST(AdmissionTest, NeverLetsMoreInThanTheBound) {
  Admission admission(3);
  std::atomic<int> inside = 0, most = 0, taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 2000; ++j) {
        const auto permit = admission.TryAcquire();
        if (!permit.ok()) continue;
        ++taken;
        const int now = ++inside;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        --inside;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  EXPECT_GT(taken, 0);
  EXPECT_EQ(admission.num_in_progress(), 0);
}

}  // namespace
}  // namespace chorus::gateway
