#pragma once

// What an engine step held, and why no more.
//
// Thread safety: plain data and a free function without state.

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"

namespace chorus::runner {

// What limited a step.
enum class StepLimit {
  kNothing,     // Everything was included.
  kSlots,       // The number of sequences.
  kTokens,      // max_step_tokens.
  kTargetTime,  // The target step time.
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

// One step: a forward pass and its results.
struct StepStats {
  int num_rows = 0;              // Sequences in the batch.
  int num_tokens = 0;            // Run through the model.
  int num_prompt_tokens = 0;     // Of these, of prompts or recomputed after a preemption.
  int num_generated_tokens = 0;  // Chosen after the pass; 0 for a classifier.
  int num_wasted_tokens = 0;     // Of these, those whose caller had left.
  int num_padded_rows = 0;       // Of the shape that a device was given; 0: it was not padded.
  absl::Duration duration;       // Of the whole step.

  // Composition of the step. Zero for a classifier, except limited_by.
  StepLimit limited_by = StepLimit::kNothing;
  int num_decode_rows = 0;
  int num_shared_tokens = 0;    // Copied from another sequence's KV cache instead of run.
  int num_awaiting_prefix = 0;  // Prompts waiting for an older one's shared prefix.
  int num_preempted = 0;        // Sequences that lost their slot.
  int num_running = 0;          // Sequences with a KV slot, and
  int num_waiting = 0;          // without, at the step's begin.
  int64_t num_kv_tokens = 0;    // Needed by running sequences.
  absl::Duration predicted;     // Of the step; zero if unknown.

  // Something had to wait for the next step.
  bool full() const { return limited_by != StepLimit::kNothing; }
};

}  // namespace chorus::runner
