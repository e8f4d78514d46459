#pragma once

// Why a step held no more than it held.
//
// Thread safety: plain data and a free function without state.

#include <string_view>

namespace chorus::runner {

enum class StepLimit {
  kNothing,     // All that there was went along.
  kSlots,       // Something waits for a place among the sequences of a batch.
  kTokens,      // The most tokens of one step.
  kTargetTime,  // The step would have taken longer than it should.
  kKvBytes,     // The cap on the KV cache's memory.
};
inline constexpr int kNumStepLimits = 5;

// As in metrics and traces: "nothing", "slots", "tokens", "target_time", "kv_bytes".
inline constexpr std::string_view StepLimitName(StepLimit limit) {
  switch (limit) {
    case StepLimit::kNothing:
      return "nothing";
    case StepLimit::kSlots:
      return "slots";
    case StepLimit::kTokens:
      return "tokens";
    case StepLimit::kTargetTime:
      return "target_time";
    case StepLimit::kKvBytes:
      return "kv_bytes";
  }
  return "";
}

}  // namespace chorus::runner
