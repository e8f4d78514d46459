#pragma once

// Runs the generations of one model, a step at a time: schedule → forward → sample → publish.
//
// Thread safety: none; created anywhere, then used by the engine thread only, except num_running(),
// kv_used_ratio() and kv_capacity(), which any thread may ask.
// Invariants: (1) generations_ holds exactly what the scheduler holds. (2) A generation's KV slot
// is free before its on_done is called. (3) A text does not depend on what else runs.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/engine/generation.h"
#include "runner_server/engine/generation_clock.h"
#include "runner_server/engine/stop_string_matcher.h"
#include "runner_server/engine/text_stream.h"
#include "runner_server/model/language_model.h"
#include "runner_server/sampling/sampler.h"
#include "runner_server/scheduler/scheduler.h"
#include "runner_server/scheduler/slot_pool.h"
#include "runner_server/tokenizer/detokenizer.h"

namespace chorus {

class GenerationStepper {
 public:
  struct Options {
    Scheduler::Options schedule;
    int64_t kv_cache_bytes = 0;  // That may be committed; 0: as much as the model's slots can hold.
    int vocab_size = 0;          // Of the tokenizer: only ids that have a text are ever chosen.
    int32_t eos_token_id = -1;   // -1: the model has none.
  };
  struct Arrival {
    std::unique_ptr<Sequence> sequence;
    GenerationCallbacks callbacks;
    // The rest is as GenerationRequest has it, but for when it came; by default just now.
    StopStringMatcher stop_strings = {};
    bool ignore_eos = false;
    std::optional<uint32_t> top_logprobs = {};
    absl::Time arrived_at = absl::InfiniteFuture();
  };

  // `token_bytes` and `observer` must outlive the stepper. INVALID_ARGUMENT names the option that
  // is out of range.
  static absl::StatusOr<std::unique_ptr<GenerationStepper>> Create(
      std::unique_ptr<LanguageModel> model, const TokenBytes& token_bytes, EngineObserver& observer,
      const Options& options);

  void Add(Arrival arrival);
  bool HasWork() const { return scheduler_->HasWork(); }

  // Of the steps that follow, the calling one included; at most as many as the model has.
  void set_num_threads(int num_threads) { model_->pool().set_num_active_threads(num_threads); }

  // Ends what nobody wants any more, then runs one forward pass. If the model throws, the
  // generations of that pass end with the error; those whose logits are not finite end with
  // INTERNAL.
  void Step(absl::Time now);

  void FailAll(const absl::Status& status);

  int num_running() const { return num_running_.load(std::memory_order_relaxed); }
  // Share in use, 0 to 1: of the KV slots, or of the memory under a cap, whichever is more.
  double kv_used_ratio() const;
  // Most tokens of one sequence that the KV cache has memory for.
  int kv_capacity() const;

 private:
  // Remembers when a stop was requested.
  class StopClock;

  struct Generation {
    // Takes all that `arrival` has but the sequence.
    Generation(Arrival& arrival, const TokenBytes& token_bytes);
    ~Generation();

    GenerationCallbacks callbacks;
    TextStream text;
    const bool ignore_eos;
    const std::optional<uint32_t> top_logprobs;
    GenerationClock clock;
    std::unique_ptr<StopClock> stop_clock;
  };

  // The next token of a sequence.
  struct Choice {
    const Sequence* sequence;
    std::optional<uint32_t> top_logprobs;
    int32_t token = -1;  // Stays so where a logit is not finite.
    std::optional<TokenLogProb> logprob = {};
  };

  GenerationStepper(std::unique_ptr<LanguageModel> model, const TokenBytes& token_bytes,
                    EngineObserver& observer, const Options& options);

  void EndDropped(DroppedSequence dropped);
  StepStats MakeStats(const ScheduledStep& step) const;
  absl::StatusOr<std::span<const float>> Forward(const ScheduledStep& step);
  // The next token of every row that wants logits, in order, each chosen from its part of `logits`.
  std::span<Choice> ChooseTokens(const ScheduledStep& step, std::span<const float> logits);
  // How likely `token` was and what else was, by the `logits` of its place.
  TokenLogProb MakeLogProb(std::span<const float> logits, int32_t token, uint32_t num_top) const;
  // `now` is when the step ended.
  void Append(Sequence& sequence, Choice& choice, absl::Time now, StepStats& stats);
  static void Deliver(Generation& generation, GenerationDelta delta);
  void Finish(const Sequence& sequence, FinishReason reason);
  void Fail(const Sequence& sequence, const absl::Status& status);
  void Remove(const Sequence& sequence);  // From the scheduler; destroys it.
  void UpdateLoad();
  std::unique_ptr<Generation> Forget(uint64_t id);

  const std::unique_ptr<LanguageModel> model_;
  const TokenBytes& token_bytes_;
  EngineObserver& observer_;
  const Options options_;
  SlotPool slots_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<Sampler> samplers_;  // By thread.
  // By sequence id.
  std::unordered_map<uint64_t, std::unique_ptr<Generation>> generations_;
  // Of the current step, and what comes next in those that have logits.
  std::vector<LanguageModel::Row> rows_;
  std::vector<Choice> choices_;
  std::atomic<int> num_running_ = 0;
  std::atomic<int64_t> num_kv_tokens_ = 0;
};

}  // namespace chorus
