#pragma once

// What an engine tells of its work, for metrics and logs.

#include <cstdint>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runner_server/scheduler/step_limit.h"

namespace chorus::runner {

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

// Why a request was turned away before it ran.
enum class RejectReason {
  kQueue,     // Too many sequences wait.
  kTokens,    // Too many tokens wait.
  kDraining,  // The engine is shutting down.
  kDeadline,  // Its deadline passed before its turn came, or surely would.
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

  // A logit was not finite; the generation, or the call, that it was of failed.
  virtual void OnNotFinite() = 0;

  // The model threw in a forward pass; the requests of that batch failed. `what` names no texts.
  virtual void OnModelError(std::string_view what) = 0;
};

// Runs `forward`. RESOURCE_EXHAUSTED if memory ran out, INTERNAL for anything else it throws; the
// observer hears the details, which are not the client's business.
template <typename Forward>
absl::Status RunModel(EngineObserver& observer, Forward&& forward) {
  try {
    std::forward<Forward>(forward)();
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    observer.OnModelError("out of memory");
    return absl::ResourceExhaustedError("the runner has no memory for this batch; retry later");
  } catch (const std::exception& error) {
    observer.OnModelError(error.what());
    return absl::InternalError("the model failed on this batch");
  }
}

}  // namespace chorus::runner
