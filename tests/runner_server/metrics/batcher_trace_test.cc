#include "runner_server/metrics/batcher_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

namespace chorus::runner {
namespace {

using nlohmann::json;

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'123);

TEST(BatcherTrace, IsEmptyAtFirst) {
  EXPECT_EQ(json::parse(BatcherTrace().ToJson()), json({{"steps", json::array()}}));
}

TEST(BatcherTrace, TellsAllOfAStep) {
  BatcherTrace trace;
  trace.Record({.num_rows = 3,
                .num_tokens = 42,
                .num_prompt_tokens = 40,
                .num_generated_tokens = 2,
                .num_wasted_tokens = 1,
                .duration = absl::Microseconds(12345),
                .limited_by = StepLimit::kTargetTime,
                .num_decode_rows = 2,
                .num_shared_tokens = 16,
                .num_awaiting_prefix = 4,
                .num_preempted = 5,
                .num_running = 6,
                .num_waiting = 7,
                .num_kv_tokens = 800,
                .predicted = absl::Microseconds(11500)},
               kNow);
  trace.Record({}, kNow);
  const json steps = json::parse(trace.ToJson())["steps"];
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0], json({{"step", 1},
                            {"ended_at", "2023-11-14T22:13:20.123Z"},
                            {"duration_ms", 12.345},
                            {"predicted_ms", 11.5},
                            {"limited_by", "target_time"},
                            {"rows", 3},
                            {"decode_rows", 2},
                            {"tokens", 42},
                            {"prompt_tokens", 40},
                            {"generated_tokens", 2},
                            {"wasted_tokens", 1},
                            {"shared_tokens", 16},
                            {"awaiting_prefix", 4},
                            {"preempted", 5},
                            {"running", 6},
                            {"waiting", 7},
                            {"kv_tokens", 800}}));
  EXPECT_EQ(steps[1]["limited_by"], "nothing");
  EXPECT_EQ(steps[1]["predicted_ms"], nullptr);
}

TEST(BatcherTrace, KeepsTheLastSteps) {
  BatcherTrace trace;
  for (int step = 1; step <= 1000; ++step) {
    trace.Record({.num_tokens = step}, kNow);
    if (step % 37 != 0) continue;
    const json steps = json::parse(trace.ToJson())["steps"];
    const int size = std::min(step, BatcherTrace::kNumSteps);
    ASSERT_EQ(std::ssize(steps), size);
    for (int i = 0; i < size; ++i) {
      EXPECT_EQ(steps[i]["step"], step - size + 1 + i);
      EXPECT_EQ(steps[i]["tokens"], step - size + 1 + i);
    }
  }
}

TEST(BatcherTrace, IsWholeWhileStepsAreRecorded) {
  BatcherTrace trace;
  std::thread engine([&] {
    for (int step = 0; step < 20000; ++step) trace.Record({.num_tokens = step}, kNow);
  });
  for (int i = 0; i < 20; ++i) {
    const json steps = json::parse(trace.ToJson())["steps"];
    for (size_t s = 1; s < steps.size(); ++s) {
      ASSERT_EQ(steps[s]["step"], steps[s - 1]["step"].get<int>() + 1);
    }
  }
  engine.join();
}

}  // namespace
}  // namespace chorus::runner
