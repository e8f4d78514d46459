#pragma once

// What an engine step held, and why no more.
//
// Thread safety: plain data and a free function without state.

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"

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

// One forward pass and what followed from it.
struct StepStats {
  int num_rows = 0;              // Sequences in the batch.
  int num_tokens = 0;            // That went through the model.
  int num_prompt_tokens = 0;     // Of them, those of prompts, or run again after a preemption.
  int num_generated_tokens = 0;  // Chosen after the pass; 0 for a classifier.
  int num_wasted_tokens = 0;     // Of them, those whose caller had left by then.
  absl::Duration duration;       // Of the whole step.

  // Why it held what it held. Zero for a classifier, but for the limit.
  StepLimit limited_by = StepLimit::kNothing;
  int num_decode_rows = 0;
  int num_shared_tokens = 0;    // Copied from another sequence's KV cache instead of being run.
  int num_awaiting_prefix = 0;  // Prompts that held back because an older one will spare them work.
  int num_preempted = 0;        // Sequences that gave their slot up.
  int num_running = 0;          // Holders of KV slots, and
  int num_waiting = 0;          // those without, as the step began.
  int64_t num_kv_tokens = 0;    // That running sequences need memory for.
  absl::Duration predicted;     // What the step was expected to take; zero: nothing was.

  // Something had to wait for the next step.
  bool full() const { return limited_by != StepLimit::kNothing; }
};

}  // namespace chorus::runner
