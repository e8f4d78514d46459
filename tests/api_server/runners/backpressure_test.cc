#include "api_server/runners/backpressure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace chorus::gateway {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1000);
constexpr absl::Duration kMemory = Backpressure::kMemory;

void Begin(Backpressure& pressure, int num_calls) {
  for (int i = 0; i < num_calls; ++i) pressure.OnBegin();
}

void Leave(Backpressure& pressure, int num_calls) {
  for (int i = 0; i < num_calls; ++i) pressure.OnLeave();
}

// A call of that many tokens begins and is refused.
void Refuse(Backpressure& pressure, int64_t tokens, absl::Time now = kStart) {
  pressure.OnBegin();
  pressure.OnRefused(tokens, now);
}

// What is refused, the second a moment after the first, and for what it is then full.
struct Case {
  std::string name;
  std::vector<int64_t> refused;  // Tokens of each.
  absl::Duration between;
  int64_t full_from;  // Fewest tokens; INT64_MAX: it is not full.
};

class BackpressureCase : public testing::TestWithParam<Case> {};

TEST_P(BackpressureCase, IsFullForWhatWasRefused) {
  const auto& [name, refused, between, full_from] = GetParam();
  Backpressure pressure;
  Begin(pressure, 8);
  absl::Time now = kStart;
  for (const int64_t tokens : refused) {
    Refuse(pressure, tokens, now);
    now += between;
  }
  for (const int64_t tokens : {1, 40, 41, 100, 101, 1000, 1000000}) {
    EXPECT_EQ(pressure.full_for(tokens, now), tokens >= full_from) << tokens;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BackpressureCase,
    testing::Values(
        Case{"Nothing", {}, absl::ZeroDuration(), INT64_MAX},
        Case{"OneCall", {41}, absl::ZeroDuration(), INT64_MAX},
        Case{"TwoCalls", {41, 41}, absl::Milliseconds(1), 41},
        Case{"TwoCallsLongApart", {41, 41}, kMemory, INT64_MAX},
        Case{"ManyCallsLongApart", {41, 41, 41, 41}, kMemory, INT64_MAX},
        Case{"ALargeAndASmallCall", {1000, 41}, absl::Milliseconds(1), 1000},
        Case{"ASmallAndALargeCall", {41, 1000}, absl::Milliseconds(1), 1000},
        Case{"LargeCallsDoNotHurtSmallOnes", {1000, 1000, 1000}, absl::Milliseconds(1), 1000},
        Case{"ALargeAndTwoSmallCalls", {1000, 101, 41}, absl::Milliseconds(1), 101},
        Case{"LargeCallsAfterSmallOnes", {41, 41, 1000, 1000}, absl::Milliseconds(1), 41},
        Case{"OneOfEachSize", {1000, 101, 100, 41}, absl::Milliseconds(1), 100}),
    [](const auto& info) { return info.param.name; });

TEST(Backpressure, PassesWithTime) {
  Backpressure pressure;
  Begin(pressure, 8);
  Refuse(pressure, 40);
  Refuse(pressure, 40, kStart + absl::Milliseconds(50));
  EXPECT_TRUE(pressure.full_for(40, kStart + absl::Milliseconds(50) + 0.99 * kMemory));
  EXPECT_FALSE(pressure.full_for(40, kStart + absl::Milliseconds(50) + kMemory));
}

TEST(Backpressure, LastsWhileCallsAreRefused) {
  Backpressure pressure;
  Begin(pressure, 8);
  for (int i = 0; i < 10; ++i) Refuse(pressure, 40, kStart + i * kMemory / 2);
  EXPECT_TRUE(pressure.full_for(40, kStart + 5 * kMemory));
}

TEST(Backpressure, PassesWhenAQuarterOfTheQueueHasLeft) {
  for (const int num_waiting : {0, 1, 4, 7, 8, 256}) {
    Backpressure pressure;
    Begin(pressure, num_waiting);
    Refuse(pressure, 40);
    Refuse(pressure, 40);
    const int quarter = std::max(num_waiting / 4, 1);
    Begin(pressure, 1);  // Of a size that passes.
    Leave(pressure, quarter - 1);
    EXPECT_TRUE(pressure.full_for(40, kStart)) << num_waiting;
    Leave(pressure, 1);
    EXPECT_FALSE(pressure.full_for(40, kStart)) << num_waiting;
  }
}

TEST(Backpressure, OfABurstOnlyWhatWaitsInTheEndCounts) {
  Backpressure pressure;
  Begin(pressure, 100);  // One is taken, and these come back refused.
  for (int i = 0; i < 99; ++i) pressure.OnRefused(40, kStart);
  EXPECT_TRUE(pressure.full_for(40, kStart));
  Leave(pressure, 1);
  EXPECT_FALSE(pressure.full_for(40, kStart));
}

TEST(Backpressure, OneRefusalMoreEndsATry) {
  Backpressure pressure;
  Begin(pressure, 8);
  Refuse(pressure, 40);
  Refuse(pressure, 40);
  Leave(pressure, 2);
  EXPECT_FALSE(pressure.full_for(40, kStart));
  Refuse(pressure, 40, kStart + absl::Milliseconds(10));
  EXPECT_TRUE(pressure.full_for(40, kStart + absl::Milliseconds(10)));
}

TEST(Backpressure, AClockThatIsSetBackOpensIt) {
  Backpressure pressure;
  Begin(pressure, 8);
  Refuse(pressure, 40);
  Refuse(pressure, 40);
  EXPECT_FALSE(pressure.full_for(40, kStart - absl::Hours(1)));
}

// A replica that runs `capacity` calls a second, each in no time, of which `max_waiting` wait; and
// a gateway that asks it. A refusal is a millisecond on its way.
class SimulatedReplica {
 public:
  SimulatedReplica(int max_waiting, double capacity)
      : max_waiting_(max_waiting), capacity_(capacity) {}

  // Offers it calls, so many a second and evenly apart, for ten seconds.
  void Offer(double rate) {
    constexpr absl::Duration kTick = absl::Microseconds(100);
    double arrived = 0, served = 0;
    for (absl::Time now = kStart; now < kStart + absl::Seconds(10); now += kTick) {
      for (; !refusals_.empty() && now - refusals_.front() >= absl::Milliseconds(1);
           refusals_.pop_front()) {
        pressure_.OnRefused(40, now);
      }
      for (served += capacity_ * absl::ToDoubleSeconds(kTick); served >= 1; --served) Serve();
      for (arrived += rate * absl::ToDoubleSeconds(kTick); arrived >= 1; --arrived) Arrive(now);
    }
  }

  int num_served = 0, num_refused_there = 0, num_refused_here = 0;

 private:
  void Serve() {
    if (num_waiting_ == 0) return;
    --num_waiting_;
    ++num_served;
    pressure_.OnLeave();
  }

  void Arrive(absl::Time now) {
    if (pressure_.full_for(40, now)) {
      ++num_refused_here;
      return;
    }
    pressure_.OnBegin();
    if (num_waiting_ < max_waiting_) {
      ++num_waiting_;
    } else {
      ++num_refused_there;
      refusals_.push_back(now);
    }
  }

  const int max_waiting_;
  const double capacity_;
  int num_waiting_ = 0;
  std::deque<absl::Time> refusals_;  // On their way.
  Backpressure pressure_;
};

struct Load {
  std::string name;
  int max_waiting;
  int capacity;
  double offered;     // Of the capacity.
  double most_there;  // Of the refusals, the part of the replica's own.
};

class BackpressureLoad : public testing::TestWithParam<Load> {};

TEST_P(BackpressureLoad, KeepsTheReplicaBusyAndMostRefusalsAway) {
  const auto& [name, max_waiting, capacity, offered, most_there] = GetParam();
  SimulatedReplica replica(max_waiting, capacity);
  replica.Offer(offered * capacity);
  EXPECT_GE(replica.num_served, 0.98 * 10 * capacity * std::min(offered, 1.0));
  EXPECT_LE(replica.num_refused_there,
            most_there * (replica.num_refused_here + replica.num_refused_there));
}

INSTANTIATE_TEST_SUITE_P(
    All, BackpressureLoad,
    testing::Values(Load{"HalfLoaded", 16, 80, 0.5, 0}, Load{"Short3x", 16, 80, 3, 0.25},
                    Load{"Short5x", 16, 80, 5, 0.25}, Load{"ShortFast3x", 16, 1000, 3, 0.25},
                    Load{"Long3x", 256, 150, 3, 0.05}, Load{"Long5x", 256, 150, 5, 0.05},
                    Load{"LongFast3x", 256, 1000, 3, 0.05},
                    Load{"LongSlow3x", 256, 20, 3, 0.3},  // 40 calls a second too many.
                    Load{"One3x", 1, 100, 3, 1}),
    [](const auto& info) { return info.param.name; });

TEST(Backpressure, NothingIsRefusedBelowTheCapacity) {
  SimulatedReplica replica(16, 80);
  replica.Offer(79);
  EXPECT_EQ(replica.num_refused_here, 0);
}

}  // namespace
}  // namespace chorus::gateway
