#pragma once

// Runs the generations of one model, a step at a time: schedule → forward → sample → publish.
//
// Thread safety: as EngineOf requires; num_running(), kv_used_ratio() and kv_capacity() may be
// called from any thread.
//
// Invariants: (1) generations_ holds exactly what the scheduler holds. (2) A generation's KV slot
// is free before its on_done is called. (3) A text does not depend on what else runs.

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/engine/engine_of.h"
#include "runner_server/engine/generation.h"
#include "runner_server/engine/length_limit.h"
#include "runner_server/engine/token_chooser.h"
#include "runner_server/model/language_model.h"
#include "runner_server/scheduler/scheduler.h"
#include "runner_server/scheduler/slot_pool.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

class GenerationStepper {
 public:
  struct Options {
    Scheduler::Options schedule;
    int64_t kv_cache_bytes = 0;  // Cap on committed memory; 0: the capacity of the model's slots.
    int num_threads = 1;         // For sampling. >= 1.
    int32_t bos_token_id = -1;   // -1: none; an empty text is refused.
    std::vector<int32_t> eos_token_ids;     // A text ends at any of them; none: by length.
    chorus::v1::GenerationParams defaults;  // Of this model, where they are not DefaultParams'.
  };
  using Request = runner::v1::GenerateRequest;
  using Callbacks = GenerationCallbacks;
  using Call = GenerationCall;
  using Arrival = GenerationArrival;

  static constexpr std::string_view kWhat = "a generator, which implements Generate";
  static constexpr bool kManyTexts = false;

  // `tokenizer` and `observer` must outlive the stepper. INVALID_ARGUMENT names the option that is
  // out of range; INTERNAL if the tokenizer has no bytes.
  static absl::StatusOr<std::unique_ptr<GenerationStepper>> Create(
      std::unique_ptr<LanguageModel> model, const Tokenizer& tokenizer, EngineObserver& observer,
      const Options& options);

  static Request WarmUpRequest();
  absl::Status Check(const Request& request) const;
  static int NumSequences(const Request&) { return 1; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  void FillInfo(runner::v1::GetModelInfoResponse& info) const;
  void FillLoad(runner::v1::GetLoadResponse& load) const;

  // INVALID_ARGUMENT if the prompt leaves no room for a token.
  absl::StatusOr<Arrival> Prepare(Call& call) const;

  void Add(Arrival arrival);
  bool HasWork() const { return scheduler_->HasWork(); }
  void set_num_threads(int num_threads);

  // Drops cancelled and expired generations, then runs one forward pass. If the model throws, the
  // generations of that pass end with the error; those whose logits are not finite end with
  // INTERNAL.
  void Step(absl::Time now);

  void FailAll(const absl::Status& status);

  int num_running() const { return num_running_.load(std::memory_order_relaxed); }
  // Share in use, in [0, 1]: of the KV slots or of the capped memory, whichever is larger.
  double kv_used_ratio() const;
  // Most tokens of one sequence that fit the KV cache.
  int kv_capacity() const;

 private:
  GenerationStepper(std::unique_ptr<LanguageModel> model, const Tokenizer& tokenizer,
                    EngineObserver& observer, const Options& options);

  LengthLimit LimitOf(const Request& request) const;
  // Its tokens, which the model knows.
  absl::StatusOr<std::vector<int32_t>> PromptOf(const Request& request) const;
  bool IsEnd(int32_t token) const;
  chorus::v1::GenerationParams WithDefaults(const chorus::v1::GenerationParams& params) const;
  void EndDropped(DroppedSequence dropped);
  // Runs the model, and chooses the next token of every row that wants logits, in order; before
  // each, the row's tokens of a prompt that is scored.
  absl::StatusOr<std::span<TokenChoice>> ChooseTokens(ScheduledStep& step);
  // False if `scored`, of the sequence's last row, are not all finite: it has then failed.
  bool DeliverScores(const Sequence& sequence, std::span<TokenChoice> scored);
  // `now` is the end of the step.
  void Append(Sequence& sequence, TokenChoice& choice, absl::Time now, StepStats& stats);
  void Deliver(Generation& generation, chorus::v1::TextDelta delta);
  void End(std::unique_ptr<Generation> generation, absl::StatusOr<chorus::v1::GenerationEnd> end);
  // Calls back, at once or, where the model runs aside, during its next pass.
  template <typename Callback>
  void Tell(Callback callback);
  void TellAll();  // What is left to be told.
  void Finish(const Sequence& sequence, chorus::v1::FinishReason reason);
  void Fail(const Sequence& sequence, const absl::Status& status);
  void Remove(const Sequence& sequence);  // From the scheduler; destroys it.
  void UpdateLoad();
  std::unique_ptr<Generation> Forget(uint64_t id);

  const std::unique_ptr<LanguageModel> model_;
  const Tokenizer& tokenizer_;
  const TokenBytes& token_bytes_;
  EngineObserver& observer_;
  const Options options_;
  SlotPool slots_;
  std::unique_ptr<Scheduler> scheduler_;
  TokenChooser chooser_;
  uint64_t next_id_ = 1;
  // By sequence id.
  std::unordered_map<uint64_t, std::unique_ptr<Generation>> generations_;
  // Of the current step.
  std::vector<LanguageModel::Row> rows_;
  std::vector<TokenChoice> choices_;
  std::vector<absl::AnyInvocable<void() &&>> untold_;  // Calls back, in order.
  std::atomic<int> num_running_ = 0;
  std::atomic<int64_t> num_kv_tokens_ = 0;
};

using GenerationEngine = EngineOf<GenerationStepper>;

}  // namespace chorus::runner
