#include "runner_server/engine/generation_stepper.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "runner_server/engine/run_model.h"

namespace chorus {

class GenerationStepper::StopClock {
 public:
  explicit StopClock(const std::stop_token& stop) : callback_(stop, Record{stopped_at_nanos_}) {}

  // Zero also while the one who requests the stop is just about to record it.
  absl::Duration SinceStop() const {
    const int64_t nanos = stopped_at_nanos_.load();
    return nanos == 0 ? absl::ZeroDuration() : absl::Now() - absl::FromUnixNanos(nanos);
  }

 private:
  struct Record {
    std::atomic<int64_t>& nanos;
    void operator()() const { nanos.store(absl::GetCurrentTimeNanos()); }
  };

  std::atomic<int64_t> stopped_at_nanos_ = 0;
  std::stop_callback<Record> callback_;  // Last: it may run while it is constructed.
};

GenerationStepper::Generation::Generation(GenerationCallbacks callbacks,
                                          const TokenBytes& token_bytes,
                                          const std::stop_token& stop)
    : callbacks(std::move(callbacks)),
      detokenizer(token_bytes),
      stop_clock(std::make_unique<StopClock>(stop)) {}

GenerationStepper::Generation::~Generation() = default;

absl::StatusOr<std::unique_ptr<GenerationStepper>> GenerationStepper::Create(
    std::unique_ptr<LanguageModel> model, const TokenBytes& token_bytes, EngineObserver& observer,
    const Options& options) {
  if (options.vocab_size < 1 || options.vocab_size > model->vocab_size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tokenizer's vocabulary must have 1 to ", model->vocab_size(),
                     " entries, as the model's embedding: ", options.vocab_size));
  }
  if (options.eos_token_id < -1 || options.eos_token_id >= options.vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat("eos_token_id must be below ",
                                                   options.vocab_size, ": ", options.eos_token_id));
  }
  std::unique_ptr<GenerationStepper> stepper(
      new GenerationStepper(std::move(model), token_bytes, observer, options));
  ASSIGN_OR_RETURN(
      stepper->scheduler_,
      Scheduler::Create({.max_step_tokens = options.max_step_tokens}, stepper->slots_));
  return stepper;
}

GenerationStepper::GenerationStepper(std::unique_ptr<LanguageModel> model,
                                     const TokenBytes& token_bytes, EngineObserver& observer,
                                     const Options& options)
    : model_(std::move(model)),
      token_bytes_(token_bytes),
      observer_(observer),
      options_(options),
      slots_(model_->num_slots()) {}

void GenerationStepper::Add(Arrival arrival) {
  generations_.emplace(arrival.sequence->id,
                       std::make_unique<Generation>(std::move(arrival.callbacks), token_bytes_,
                                                    arrival.sequence->stop));
  scheduler_->Add(std::move(arrival.sequence));
}

void GenerationStepper::Step(absl::Time now) {
  const absl::Time started_at = absl::Now();
  ScheduledStep step = scheduler_->Schedule(now);
  num_running_.store(scheduler_->num_running(), std::memory_order_relaxed);
  for (DroppedSequence& dropped : step.dropped) EndDropped(std::move(dropped));
  if (step.rows.empty()) return;

  const absl::StatusOr<std::span<const float>> logits = Forward(step);
  if (!logits.ok()) {
    for (const ScheduledRow& row : step.rows) Fail(*row.sequence, logits.status());
    return;
  }
  StepStats stats = {.num_rows = static_cast<int>(step.rows.size()),
                     .num_tokens = step.num_tokens,
                     .full = step.full};
  size_t num_chosen = 0;
  for (const ScheduledRow& row : step.rows) {
    if (!row.sequence->is_decoding()) stats.num_prompt_tokens += row.num_tokens;
    row.sequence->num_cached += row.num_tokens;
    if (!row.wants_logits) continue;
    // Ids past the tokenizer's vocabulary have no text: padding of the embedding.
    ChooseToken(*row.sequence,
                logits->subspan(num_chosen++ * model_->vocab_size(), options_.vocab_size), stats);
  }
  stats.duration = absl::Now() - started_at;
  observer_.OnStep(stats);
}

void GenerationStepper::EndDropped(DroppedSequence dropped) {
  const std::unique_ptr<Generation> generation = Forget(dropped.sequence->id);
  if (dropped.sequence->num_cached == 0) {
    if (absl::IsDeadlineExceeded(dropped.status)) observer_.OnRejected(RejectReason::kDeadline);
  } else if (absl::IsCancelled(dropped.status)) {
    observer_.OnCancelled(generation->stop_clock->SinceStop());
  }
  std::move(generation->callbacks.on_done)(std::move(dropped.status));
}

absl::StatusOr<std::span<const float>> GenerationStepper::Forward(const ScheduledStep& step) {
  rows_.clear();
  for (const ScheduledRow& row : step.rows) {
    const Sequence& sequence = *row.sequence;
    rows_.push_back(
        {.slot = sequence.slot,
         .start = sequence.num_cached,
         .tokens = std::span(sequence.tokens).subspan(sequence.num_cached, row.num_tokens),
         .wants_logits = row.wants_logits});
  }
  std::span<const float> logits;  // [rows that want them, model's vocab_size]
  RETURN_IF_ERROR(RunModel(observer_, [&] { logits = model_->Forward(rows_); }));
  return logits;
}

void GenerationStepper::ChooseToken(Sequence& sequence, std::span<const float> logits,
                                    StepStats& stats) {
  Generation& generation = *generations_.at(sequence.id);
  const int32_t token = sampler_.Sample(logits, sequence.sampling, sequence.tokens.size());
  sequence.tokens.push_back(token);
  ++generation.num_undelivered_tokens;
  ++stats.num_generated_tokens;
  if (sequence.stop.stop_requested()) ++stats.num_wasted_tokens;
  if (token == options_.eos_token_id) return Finish(sequence, FinishReason::kStop);
  Deliver(generation, generation.detokenizer.Append(token));
  if (std::ssize(sequence.tokens) >= sequence.max_tokens) Finish(sequence, FinishReason::kLength);
}

void GenerationStepper::Deliver(Generation& generation, std::string text) {
  if (text.empty()) return;
  generation.callbacks.on_delta(
      {std::move(text), std::exchange(generation.num_undelivered_tokens, 0)});
}

void GenerationStepper::Finish(const Sequence& sequence, FinishReason reason) {
  const GenerationResult result = {.reason = reason,
                                   .num_prompt_tokens = sequence.num_prompt_tokens,
                                   .num_generated_tokens = sequence.num_generated()};
  const std::unique_ptr<Generation> generation = Forget(sequence.id);
  Remove(sequence);
  Deliver(*generation, generation->detokenizer.Finish());
  std::move(generation->callbacks.on_done)(result);
}

void GenerationStepper::Remove(const Sequence& sequence) {
  scheduler_->Remove(sequence);
  num_running_.store(scheduler_->num_running(), std::memory_order_relaxed);
}

void GenerationStepper::Fail(const Sequence& sequence, const absl::Status& status) {
  const std::unique_ptr<Generation> generation = Forget(sequence.id);
  Remove(sequence);
  std::move(generation->callbacks.on_done)(status);
}

void GenerationStepper::FailAll(const absl::Status& status) {
  const std::vector<std::unique_ptr<Sequence>> sequences = scheduler_->RemoveAll();
  num_running_.store(0, std::memory_order_relaxed);
  for (const auto& sequence : sequences) {
    std::move(Forget(sequence->id)->callbacks.on_done)(status);
  }
}

std::unique_ptr<GenerationStepper::Generation> GenerationStepper::Forget(uint64_t id) {
  return std::move(generations_.extract(id).mapped());
}

}  // namespace chorus
