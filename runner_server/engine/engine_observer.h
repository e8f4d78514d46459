#pragma once

// What an engine tells of its work, for metrics and logs.

#include <string_view>

#include "absl/time/time.h"

namespace chorus {

// One forward pass and what followed from it.
struct StepStats {
  int num_rows = 0;              // Sequences in the batch.
  int num_tokens = 0;            // That went through the model.
  int num_prompt_tokens = 0;     // Of them, those of prompts.
  int num_generated_tokens = 0;  // Chosen after the pass; 0 for a classifier.
  int num_wasted_tokens = 0;     // Of them, those whose caller had left by then.
  bool full = false;             // Something had to wait for the next step.
  absl::Duration duration;       // Of the whole step.
};

// Why a request was turned away before it ran.
enum class RejectReason {
  kQueue,     // Too many sequences wait.
  kTokens,    // Too many tokens wait.
  kDraining,  // The engine is shutting down.
  kDeadline,  // Its deadline passed before its turn came.
};

// Thread safety: OnStep and OnCancelled are called by the engine thread, the others by any thread,
// several at once. None may block.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;

  virtual void OnStep(const StepStats& stats) = 0;

  // A running generation was cancelled this long before its KV slot became free.
  virtual void OnCancelled(absl::Duration until_freed) = 0;

  virtual void OnRejected(RejectReason reason) = 0;

  // The model threw in a forward pass; the requests of that batch failed. `what` names no texts.
  virtual void OnModelError(std::string_view what) = 0;
};

}  // namespace chorus
