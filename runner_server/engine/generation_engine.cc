#include "runner_server/engine/generation_engine.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "runner_server/engine/mailbox.h"
#include "runner_server/sampling/sampling_params_check.h"
#include "runner_server/scheduler/still_wanted.h"

namespace chorus {

absl::StatusOr<std::unique_ptr<GenerationEngine>> GenerationEngine::Create(
    std::unique_ptr<LanguageModel> model, const Tokenizer& tokenizer, const TokenBytes& token_bytes,
    EngineObserver& observer, const Options& options) {
  if (options.bos_token_id < -1 || options.bos_token_id >= model->vocab_size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bos_token_id must be below ", model->vocab_size(), ": ", options.bos_token_id));
  }
  const int context_size = model->context_size();
  const int vocab_size = model->vocab_size();
  ASSIGN_OR_RETURN(std::unique_ptr<GenerationStepper> stepper,
                   GenerationStepper::Create(std::move(model), token_bytes, observer,
                                             {.schedule = options.schedule,
                                              .kv_cache_bytes = options.kv_cache_bytes,
                                              .vocab_size = tokenizer.vocab_size(),
                                              .eos_token_id = options.eos_token_id}));
  return std::unique_ptr<GenerationEngine>(new GenerationEngine(
      std::move(stepper), tokenizer, observer, options, context_size, vocab_size));
}

GenerationEngine::GenerationEngine(std::unique_ptr<GenerationStepper> stepper,
                                   const Tokenizer& tokenizer, EngineObserver& observer,
                                   const Options& options, int context_size, int vocab_size)
    : tokenizer_(tokenizer),
      observer_(observer),
      options_(options),
      context_size_(context_size),
      vocab_size_(vocab_size),
      budget_(options.queue),
      stepper_(stepper.get()),
      pipeline_(
          std::move(stepper),
          [this](Submission submission) { return Prepare(std::move(submission)); },
          options.core_lease) {}

GenerationEngine::~GenerationEngine() = default;

absl::Status GenerationEngine::CheckRequest(const GenerationRequest& request) const {
  RETURN_IF_ERROR(CheckSamplingParams(request.sampling));
  RETURN_IF_ERROR(CheckLengthLimit(LimitOf(request)));
  RETURN_IF_ERROR(StopStringMatcher::Check(request.stop));
  if (request.top_logprobs > kMaxTopLogProbs) {
    return absl::InvalidArgumentError(absl::StrCat("top_logprobs must be at most ", kMaxTopLogProbs,
                                                   ": ", *request.top_logprobs));
  }
  if (request.text.empty() && options_.bos_token_id < 0) {
    return absl::InvalidArgumentError(
        "text must not be empty: the model has no BOS token to start from");
  }
  return absl::OkStatus();
}

absl::Status GenerationEngine::Submit(GenerationRequest request, absl::Time deadline,
                                      std::stop_token stop, GenerationCallbacks callbacks) {
  RETURN_IF_ERROR(CheckRequest(request));
  const absl::Time now = absl::Now();
  if (absl::Status wanted = CheckStillWanted(stop, deadline, now); !wanted.ok()) {
    if (absl::IsDeadlineExceeded(wanted)) observer_.OnRejected(RejectReason::kDeadline);
    return wanted;
  }
  absl::StatusOr<QueueBudget::Ticket> ticket = budget_.Enter(1, request.underway);
  if (!ticket.ok()) {
    observer_.OnRejected(RejectReason::kQueue);
    return ticket.status();
  }
  Submission submission = {
      now, std::move(request), deadline, std::move(stop), std::move(callbacks), *std::move(ticket)};
  if (!pipeline_.TryPush(submission)) {
    observer_.OnRejected(RejectReason::kDraining);
    return absl::UnavailableError("the runner is shutting down; retry at another one");
  }
  return absl::OkStatus();
}

LengthLimit GenerationEngine::LimitOf(const GenerationRequest& request) const {
  return {.max_length = request.max_length,
          .max_new_tokens = request.max_new_tokens,
          .context_size = context_size_,
          .kv_capacity = stepper_->kv_capacity()};
}

std::optional<GenerationStepper::Arrival> GenerationEngine::Prepare(Submission submission) {
  absl::StatusOr<std::unique_ptr<Sequence>> sequence = MakeSequence(submission);
  if (!sequence.ok()) {
    submission.ticket.Release();
    std::move(submission.callbacks.on_done)(sequence.status());
    return std::nullopt;
  }
  const GenerationRequest& request = submission.request;
  return GenerationStepper::Arrival{.sequence = *std::move(sequence),
                                    .callbacks = std::move(submission.callbacks),
                                    .stop_strings = StopStringMatcher(request.stop),
                                    .ignore_eos = request.ignore_eos,
                                    .top_logprobs = request.top_logprobs,
                                    .arrived_at = submission.arrived_at};
}

absl::StatusOr<std::unique_ptr<Sequence>> GenerationEngine::MakeSequence(Submission& submission) {
  const GenerationRequest& request = submission.request;
  if (absl::Status wanted = CheckStillWanted(submission.stop, submission.deadline, absl::Now());
      !wanted.ok()) {
    if (absl::IsDeadlineExceeded(wanted)) observer_.OnRejected(RejectReason::kDeadline);
    return wanted;
  }
  std::vector<int32_t> tokens = request.text.empty()
                                    ? std::vector<int32_t>{options_.bos_token_id}
                                    : tokenizer_.Encode(request.text, request.split_special_tokens);
  ASSIGN_OR_RETURN(const int max_tokens,
                   MaxTokens(LimitOf(request), static_cast<int>(tokens.size())));
  if (absl::Status room = submission.ticket.AddTokens(max_tokens); !room.ok()) {
    observer_.OnRejected(RejectReason::kTokens);
    return room;
  }
  auto sequence = std::make_unique<Sequence>();
  sequence->id = next_id_++;
  sequence->num_prompt_tokens = static_cast<int>(tokens.size());
  sequence->tokens = std::move(tokens);
  sequence->max_tokens = max_tokens;
  sequence->sampling = request.sampling;
  sequence->deadline = submission.deadline;
  sequence->finish_by = submission.arrived_at + request.finish_within;
  sequence->stop = std::move(submission.stop);
  sequence->underway = request.underway;
  sequence->ticket = std::move(submission.ticket);
  return sequence;
}

absl::Status GenerationEngine::WarmUp() {
  Mailbox<absl::Status> ended;
  GenerationCallbacks callbacks = {.on_delta = [](GenerationDelta) {},
                                   .on_done =
                                       [&ended](absl::StatusOr<GenerationResult> result) {
                                         absl::Status status = result.status();
                                         ended.TryPush(status);
                                       }};
  RETURN_IF_ERROR(Submit({.text = "Hello", .max_new_tokens = 2}, absl::InfiniteFuture(),
                         std::stop_token(), std::move(callbacks)));
  return *ended.Take();
}

void GenerationEngine::Drain(absl::Time until) { pipeline_.Drain(until); }

void GenerationEngine::Join() { pipeline_.Join(); }

EngineLoad GenerationEngine::load() const {
  const QueueBudget::Usage queued = budget_.usage();
  return {.running_sequences = stepper_->num_running(),
          .queued_sequences = queued.sequences,
          .queued_tokens = queued.tokens,
          .kv_cache_used_ratio = stepper_->kv_used_ratio()};
}

}  // namespace chorus
