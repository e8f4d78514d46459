#pragma once

// Generates texts with one language model, many at a time.
//
// Thread safety: Submit, Drain and load may be called at once from any thread; Join and the
// destructor by one, which must not be one of the engine's (no callback may call them).

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/engine/core_lease.h"
#include "runner_server/engine/engine_load.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/engine/engine_pipeline.h"
#include "runner_server/engine/generation.h"
#include "runner_server/engine/generation_stepper.h"
#include "runner_server/engine/length_limit.h"
#include "runner_server/model/language_model.h"
#include "runner_server/scheduler/queue_budget.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus {

class GenerationEngine {
 public:
  struct Options {
    Scheduler::Options schedule;
    int64_t kv_cache_bytes = 0;       // As GenerationStepper's.
    QueueBudget::Options queue;       // What may wait to be run.
    CoreLease* core_lease = nullptr;  // As EnginePipeline's.
    int32_t bos_token_id = -1;        // -1: none; an empty text is then refused.
    int32_t eos_token_id = -1;        // -1: none; texts then end by length.
  };

  // Starts the engine's threads. `tokenizer`, `token_bytes` and `observer` must outlive the engine.
  // INVALID_ARGUMENT names the option that is out of range, or says where model and tokenizer do
  // not fit together.
  static absl::StatusOr<std::unique_ptr<GenerationEngine>> Create(
      std::unique_ptr<LanguageModel> model, const Tokenizer& tokenizer,
      const TokenBytes& token_bytes, EngineObserver& observer, const Options& options);

  // Drains without mercy.
  ~GenerationEngine();

  // Accepts a request; GenerationCallbacks says how its callbacks are called. Never blocks. After
  // an error no callback is called:
  // * INVALID_ARGUMENT: a parameter is out of range; the message names it.
  // * RESOURCE_EXHAUSTED: too much waits already.
  // * UNAVAILABLE: draining.
  // * CANCELLED, DEADLINE_EXCEEDED: it comes too late.
  // The same codes may reach `on_done` later, also for a prompt that is too long, or one whose
  // first token would surely come after its deadline. The deadline and `stop` are looked at before
  // the text is tokenised and between steps.
  absl::Status Submit(GenerationRequest request, absl::Time deadline, std::stop_token stop,
                      GenerationCallbacks callbacks);

  // Runs two tokens through both threads and waits for them, so that the first caller finds warm
  // memory. Not to be called from a callback.
  absl::Status WarmUp();

  // Accepts nothing more; lets accepted requests run until `until`, then fails them with
  // UNAVAILABLE. Does not wait. A later call may bring the end nearer.
  void Drain(absl::Time until);

  // After Drain: waits until every callback has returned and the threads have ended.
  void Join();

  EngineLoad load() const;
  int context_size() const { return context_size_; }
  int vocab_size() const { return vocab_size_; }
  // Makes prompts into tokens; any thread may use it.
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  struct Submission {
    absl::Time arrived_at;
    GenerationRequest request;
    absl::Time deadline;
    std::stop_token stop;
    GenerationCallbacks callbacks;
    QueueBudget::Ticket ticket;
  };

  GenerationEngine(std::unique_ptr<GenerationStepper> stepper, const Tokenizer& tokenizer,
                   EngineObserver& observer, const Options& options, int context_size,
                   int vocab_size);

  absl::Status CheckRequest(const GenerationRequest& request) const;
  LengthLimit LimitOf(const GenerationRequest& request) const;

  // On the tokenizer thread.
  std::optional<GenerationStepper::Arrival> Prepare(Submission submission);
  absl::StatusOr<std::unique_ptr<Sequence>> MakeSequence(Submission& submission);

  const Tokenizer& tokenizer_;
  EngineObserver& observer_;
  const Options options_;
  const int context_size_;
  const int vocab_size_;
  QueueBudget budget_;
  uint64_t next_id_ = 1;              // The tokenizer thread's.
  const GenerationStepper* stepper_;  // The pipeline's; only what any thread may ask is asked.
  EnginePipeline<Submission, GenerationStepper> pipeline_;  // Last: its threads use all of this.
};

}  // namespace chorus
