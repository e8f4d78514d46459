#include "api_server/runners/ejection.h"

#include <gtest/gtest.h>

namespace chorus::gateway {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1000);

// Fails until the replica is ejected; how often that took.
int FailUntilEjected(Ejection& ejection, absl::Time now) {
  for (int count = 1; count < 100; ++count) {
    if (ejection.OnFailure(now, /*may_eject=*/true)) return count;
  }
  return 100;
}

TEST(Ejection, TakesFiveFailuresInARow) {
  Ejection ejection;
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(ejection.OnFailure(kStart, true));
  ejection.OnSuccess();
  EXPECT_EQ(FailUntilEjected(ejection, kStart), 5);
  EXPECT_EQ(ejection.count(), 1);
}

TEST(Ejection, LastsTwiceAsLongEachTimeUpToHalfAMinute) {
  Ejection ejection;
  absl::Time now = kStart;
  FailUntilEjected(ejection, now);
  for (const int seconds : {1, 2, 4, 8, 16, 30, 30}) {
    EXPECT_TRUE(ejection.ejected(now + absl::Seconds(seconds) - absl::Milliseconds(1)));
    now += absl::Seconds(seconds);
    EXPECT_FALSE(ejection.ejected(now));
    EXPECT_EQ(FailUntilEjected(ejection, now), 1) << seconds;
  }
}

TEST(Ejection, EndsWithASuccess) {
  Ejection ejection;
  FailUntilEjected(ejection, kStart);
  ejection.OnSuccess();
  EXPECT_FALSE(ejection.ejected(kStart));
  EXPECT_EQ(FailUntilEjected(ejection, kStart), 5);
  EXPECT_FALSE(ejection.ejected(kStart + absl::Seconds(1)));
}

TEST(Ejection, WaitsUntilItMay) {
  Ejection ejection;
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(ejection.OnFailure(kStart, /*may_eject=*/false));
  EXPECT_FALSE(ejection.ejected(kStart));
  EXPECT_TRUE(ejection.OnFailure(kStart, /*may_eject=*/true));
}

TEST(Ejection, DoesNotCountTheFailuresOfCallsBegunBefore) {
  Ejection ejection;
  FailUntilEjected(ejection, kStart);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(ejection.OnFailure(kStart, true));
  EXPECT_FALSE(ejection.ejected(kStart + absl::Seconds(1)));
  EXPECT_EQ(ejection.count(), 1);
}

}  // namespace
}  // namespace chorus::gateway
