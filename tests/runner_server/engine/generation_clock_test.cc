#include "runner_server/engine/generation_clock.h"

#include <gtest/gtest.h>

namespace chorus::runner {
namespace {

absl::Time At(int seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); }

TEST(GenerationClock, TellsWhereTheTimeWent) {
  GenerationClock clock(At(100));
  clock.OnStep(At(103), 4);  // A part of the prompt,
  clock.OnStep(At(105), 2);  // and the rest.
  clock.OnToken(At(110));
  clock.OnStep(At(111), 1);
  clock.OnToken(At(112));
  clock.OnStep(At(112), 3);
  clock.OnToken(At(117));
  const chorus::v1::GenerationTiming timing = clock.timing();
  EXPECT_EQ(timing.queue_seconds(), 3);
  EXPECT_EQ(timing.prefill_seconds(), 7);
  EXPECT_EQ(timing.decode_seconds(), 7);
  EXPECT_EQ(timing.mean_batch_size(), 2.5);
  EXPECT_EQ(timing.max_batch_size(), 4u);
}

TEST(GenerationClock, HasNoDecodeTimeForASingleToken) {
  GenerationClock clock(At(100));
  clock.OnStep(At(100), 1);
  clock.OnToken(At(101));
  EXPECT_EQ(clock.timing().decode_seconds(), 0);
}

TEST(GenerationClock, KnowsNoNegativeTimes) {
  GenerationClock clock(At(100));
  clock.OnStep(At(90), 1);
  clock.OnToken(At(80));
  clock.OnToken(At(70));
  const chorus::v1::GenerationTiming timing = clock.timing();
  EXPECT_EQ(timing.queue_seconds(), 0);
  EXPECT_EQ(timing.prefill_seconds(), 0);
  EXPECT_EQ(timing.decode_seconds(), 0);
}

}  // namespace
}  // namespace chorus::runner
