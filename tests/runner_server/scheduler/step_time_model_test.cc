#include "runner_server/scheduler/step_time_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace chorus::runner {
namespace {

constexpr absl::Duration kForever = absl::InfiniteDuration();

// A machine whose steps take what the model says, but for noise.
struct Machine {
  double a = 0.008, b = 0.0004, free_tokens = 8, c = 4e-8;
  double noise = 0.1;
  std::mt19937 random{7};

  absl::Duration True(const StepWork& work) const {
    return absl::Seconds(a + b * std::max(work.num_tokens - free_tokens, 0.0) +
                         c * work.num_attended);
  }
  absl::Duration Run(const StepWork& work) {
    return True(work) * std::uniform_real_distribution<>(1 - noise, 1 + noise)(random);
  }
};

StepWork Decodes(int rows, int cached) {
  StepWork work;
  for (int row = 0; row < rows; ++row) work.Add(cached, 1);
  return work;
}

StepWork Prefill(int num_tokens, int cached = 0) {
  StepWork work;
  work.Add(cached, num_tokens);
  return work;
}

// Prefills and decodes of every size.
void Train(StepTimeModel& model, Machine& machine, int num_steps) {
  for (int step = 0; step < num_steps; ++step) {
    StepWork work = Decodes(machine.random() % 32, machine.random() % 800);
    if (step % 3 == 0) work.Add(machine.random() % 500, 1 + machine.random() % 400);
    if (work.num_tokens > 0) model.Observe(work, machine.Run(work));
  }
}

void ExpectPredicts(const StepTimeModel& model, const Machine& machine, double tolerance) {
  for (const StepWork& work : {Decodes(1, 100), Decodes(8, 400), Decodes(32, 700), Prefill(64),
                               Prefill(300, 200), Prefill(512)}) {
    const double ratio =
        absl::FDivDuration(model.Predict(work).value_or(absl::ZeroDuration()), machine.True(work));
    EXPECT_NEAR(ratio, 1, tolerance) << work.num_tokens << " tokens";
  }
}

TEST(StepWork, CountsTheKeysEachQuerySees) {
  StepWork work;
  work.Add(/*num_cached=*/10, /*num_new=*/1);
  EXPECT_EQ(work.num_attended, 11);
  work.Add(/*num_cached=*/2, /*num_new=*/3);  // 3, 4 and 5.
  EXPECT_EQ(work.num_attended, 23);
  EXPECT_EQ(work.num_tokens, 4);
}

TEST(StepTimeModel, SaysNothingBeforeItHasSeenEnough) {
  StepTimeModel model;
  for (int step = 0; step < StepTimeModel::kMinSteps; ++step) {
    EXPECT_EQ(model.Predict(Prefill(5)), std::nullopt);
    EXPECT_EQ(model.FittingTokens({}, 0, 100, absl::ZeroDuration()), 100);
    model.Observe(Prefill(5), absl::Milliseconds(5));
  }
  EXPECT_NEAR(absl::ToDoubleMilliseconds(*model.Predict(Prefill(5))), 5, 0.01);
}

TEST(StepTimeModel, LearnsWhatStepsTake) {
  StepTimeModel model;
  Machine machine;
  Train(model, machine, 400);
  ExpectPredicts(model, machine, 0.1);
}

TEST(StepTimeModel, LearnsOtherMachines) {
  for (const Machine& shape : {Machine{.a = 0.002, .b = 0.0002, .free_tokens = 0, .c = 0},
                               Machine{.a = 0.05, .b = 0.0015, .free_tokens = 32, .c = 1e-7}}) {
    StepTimeModel model;
    Machine machine = shape;
    Train(model, machine, 400);
    ExpectPredicts(model, machine, 0.15);
  }
}

TEST(StepTimeModel, IsNotLedAstrayByOutliers) {
  StepTimeModel model;
  Machine machine;
  for (int round = 0; round < 40; ++round) {
    Train(model, machine, 10);
    model.Observe(Decodes(8, 400), absl::Seconds(5));  // Somebody else had the cores.
  }
  ExpectPredicts(model, machine, 0.35);
}

TEST(StepTimeModel, FollowsAMachineThatSlowsDown) {
  StepTimeModel model;
  Machine machine;
  Train(model, machine, 400);
  machine.a *= 3;
  machine.b *= 3;
  machine.c *= 3;
  Train(model, machine, 600);
  ExpectPredicts(model, machine, 0.2);
}

TEST(StepTimeModel, RemembersPrefillsThroughALongDecode) {
  StepTimeModel model;
  Machine machine;
  Train(model, machine, 400);
  for (int step = 0; step < 3000; ++step) {
    const StepWork work = Decodes(8, 100 + step / 4);
    model.Observe(work, machine.Run(work));
  }
  ExpectPredicts(model, machine, 0.2);
}

TEST(StepTimeModel, NeverPredictsThatMoreWorkTakesLess) {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    StepTimeModel model;
    for (int step = 0; step < 100; ++step) {  // Durations that mean nothing.
      model.Observe(Prefill(1 + random() % 500, random() % 500),
                    absl::Microseconds(random() % 100000));
    }
    absl::Duration before;
    for (int num_tokens = 1; num_tokens < 600; num_tokens += 7) {
      const absl::Duration predicted = *model.Predict(Prefill(num_tokens));
      EXPECT_GE(predicted, before);
      before = predicted;
    }
  }
}

TEST(StepTimeModel, TellsHowManyTokensFit) {
  StepTimeModel model;
  Machine machine;
  Train(model, machine, 400);
  const StepWork decodes = Decodes(8, 400);
  for (const int milliseconds : {15, 50, 100}) {
    const absl::Duration target = absl::Milliseconds(milliseconds);
    const int fitting = model.FittingTokens(decodes, /*num_cached=*/300, 5000, target);
    StepWork work = decodes;
    work.Add(300, fitting);
    EXPECT_LE(*model.Predict(work), target);
    work = decodes;
    work.Add(300, fitting + 1);
    EXPECT_GT(*model.Predict(work), target);
  }
  EXPECT_EQ(model.FittingTokens(decodes, 300, 5000, absl::Milliseconds(1)), 0);
  EXPECT_EQ(model.FittingTokens(decodes, 300, 5000, kForever), 5000);
}

}  // namespace
}  // namespace chorus::runner
