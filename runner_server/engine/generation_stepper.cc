#include "runner_server/engine/generation_stepper.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/error_details.h"
#include "base/finite.h"
#include "base/generation_params.h"
#include "base/status_macros.h"
#include "runner_server/tokenizer/tokenizer_fit.h"

namespace chorus::runner {
namespace {

SlotPool::Options MakeSlots(const LanguageModel& model, int64_t kv_cache_bytes) {
  const LanguageModel::KvMemory memory = model.kv_memory();
  const int64_t cap =
      kv_cache_bytes == 0 ? SlotPool::kNoCap : kv_cache_bytes / memory.bytes_per_token;
  return {.num_slots = model.num_slots(),
          .max_tokens = std::min(cap, memory.max_tokens),
          .block_tokens = memory.block_tokens};
}

}  // namespace

absl::StatusOr<std::unique_ptr<GenerationStepper>> GenerationStepper::Create(
    std::unique_ptr<LanguageModel> model, const Tokenizer& tokenizer, EngineObserver& observer,
    const Options& options) {
  if (tokenizer.bytes() == nullptr) {
    return absl::InternalError("a model that generates needs a tokenizer of bytes");
  }
  const int num_rows = model->vocab_size();
  if (options.bos_token_id < -1 || options.bos_token_id >= num_rows) {
    return absl::InvalidArgumentError(
        absl::StrCat("bos_token_id must be below ", num_rows, ": ", options.bos_token_id));
  }
  const auto [bytes_per_token, block_tokens, max_tokens] = model->kv_memory();
  // At least a prompt and a new token.
  const int64_t least_bytes = bytes_per_token * std::max(block_tokens, 2);
  if (options.kv_cache_bytes != 0 && options.kv_cache_bytes < least_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "kv_cache_bytes must be at least ", least_bytes, ", a block of ", std::max(block_tokens, 2),
        " tokens, or 0 for no cap: ", options.kv_cache_bytes));
  }
  std::unique_ptr<GenerationStepper> stepper(
      new GenerationStepper(std::move(model), tokenizer, observer, options));
  ASSIGN_OR_RETURN(stepper->scheduler_, Scheduler::Create(options.schedule, stepper->slots_));
  return stepper;
}

GenerationStepper::GenerationStepper(std::unique_ptr<LanguageModel> model,
                                     const Tokenizer& tokenizer, EngineObserver& observer,
                                     const Options& options)
    : model_(std::move(model)),
      tokenizer_(tokenizer),
      token_bytes_(*tokenizer.bytes()),
      observer_(observer),
      options_(options),
      slots_(MakeSlots(*model_, options.kv_cache_bytes)),
      chooser_(tokenizer, options_.eos_token_ids, options.num_threads) {}

bool GenerationStepper::IsEnd(int32_t token) const {
  return std::ranges::find(options_.eos_token_ids, token) != options_.eos_token_ids.end();
}

chorus::v1::GenerationParams GenerationStepper::WithDefaults(
    const chorus::v1::GenerationParams& params) const {
  chorus::v1::GenerationParams all = DefaultParams();
  Override(options_.defaults, all);
  Override(params, all);
  return all;
}

GenerationStepper::Request GenerationStepper::WarmUpRequest() {
  Request request;
  request.set_text("Hello");
  request.mutable_params()->set_max_new_tokens(2);
  return request;
}

LengthLimit GenerationStepper::LimitOf(const Request& request) const {
  const chorus::v1::GenerationParams& params = request.params();
  return {.max_length = params.max_length(),
          .max_new_tokens =
              params.has_max_new_tokens() ? std::optional(params.max_new_tokens()) : std::nullopt,
          .context_size = model_->context_size(),
          .kv_capacity = kv_capacity()};
}

absl::Status GenerationStepper::Check(const Request& request) const {
  if (const auto problems = CheckRanges(request.params()); !problems.empty()) {
    return FieldError(problems[0].field, problems[0].problem);
  }
  if (request.sequence() > 0 && IsGreedy(WithDefaults(request.params()))) {
    return FieldError("num_return_sequences",
                      "must be 1 where do_sample is false or temperature 0, as of this model: all "
                      "texts would be the same");
  }
  RETURN_IF_ERROR(CheckLengthLimit(LimitOf(request)));
  if (!request.prompt_ids().empty()) {
    if (request.text().empty()) return absl::OkStatus();
    return FieldError("text", "must be empty where prompt_ids are the prompt");
  }
  if (request.text().empty() && options_.bos_token_id < 0) {
    return FieldError("text", "must not be empty: the model has no BOS token to start from");
  }
  return absl::OkStatus();
}

void GenerationStepper::FillInfo(runner::v1::GetModelInfoResponse& info) const {
  info.set_task(runner::v1::TASK_GENERATE);
  info.set_context_size(model_->context_size());
  info.set_vocab_size(model_->vocab_size());
  info.set_bits(BitsOf(*model_));
  *info.mutable_defaults() = options_.defaults;
  info.mutable_end_token_ids()->Assign(options_.eos_token_ids.begin(),
                                       options_.eos_token_ids.end());
}

void GenerationStepper::FillLoad(runner::v1::GetLoadResponse& load) const {
  load.set_running_sequences(num_running());
  load.set_kv_cache_used_ratio(kv_used_ratio());
  FillDevice(model_->device_stats(), load);
}

absl::StatusOr<std::vector<int32_t>> GenerationStepper::PromptOf(const Request& request) const {
  std::vector<int32_t> tokens(request.prompt_ids().begin(), request.prompt_ids().end());
  if (!tokens.empty()) {
    const auto num_ids = static_cast<uint32_t>(chooser_.NumIds(*model_));
    const auto unknown = std::ranges::find_if(
        tokens, [&](int32_t id) { return static_cast<uint32_t>(id) >= num_ids; });
    if (unknown == tokens.end()) return tokens;
    return FieldError(absl::StrCat("prompt_ids[", unknown - tokens.begin(), "]"),
                      absl::StrCat("must be 0 to ", num_ids - 1, ": ", *unknown));
  }
  absl::StatusOr<std::vector<int32_t>> encoded = std::vector<int32_t>{options_.bos_token_id};
  if (!request.text().empty()) {
    encoded = tokenizer_.Encode(request.text(), request.params().split_special_tokens());
  }
  if (!encoded.ok()) return WithField(OfPlace(encoded.status(), "text"), "text");
  RETURN_IF_ERROR(CheckHasRows(tokenizer_, *encoded, model_->vocab_size()));
  return encoded;
}

absl::StatusOr<GenerationStepper::Arrival> GenerationStepper::Prepare(Call& call) const {
  Request& request = call.request;
  ASSIGN_OR_RETURN(std::vector<int32_t> tokens, PromptOf(request));
  ASSIGN_OR_RETURN(const int max_tokens,
                   MaxTokens(LimitOf(request), static_cast<int>(tokens.size())));
  RETURN_IF_ERROR(call.ticket.AddTokens(max_tokens));
  *request.mutable_params() = WithDefaults(request.params());
  return MakeArrival(call, std::move(tokens), max_tokens);
}

void GenerationStepper::set_num_threads(int num_threads) {
  model_->set_num_threads(num_threads);
  chooser_.set_num_threads(num_threads);
}

void GenerationStepper::Add(Arrival arrival) {
  arrival.sequence->id = next_id_++;
  generations_.emplace(arrival.sequence->id, std::make_unique<Generation>(arrival, token_bytes_));
  scheduler_->Add(std::move(arrival.sequence));
}

void GenerationStepper::Step(absl::Time now) {
  const absl::Time started_at = absl::Now();
  ScheduledStep step = scheduler_->Schedule(now);
  UpdateLoad();
  for (DroppedSequence& dropped : step.dropped) EndDropped(std::move(dropped));
  if (step.rows.empty()) return TellAll();

  const absl::StatusOr<std::span<TokenChoice>> choices = ChooseTokens(step);
  if (!choices.ok()) {
    for (const ScheduledRow& row : step.rows) Fail(*row.sequence, choices.status());
    return TellAll();
  }
  auto choice = choices->begin();
  const absl::Time chosen_at = absl::Now();
  for (const ScheduledRow& row : step.rows) {
    row.sequence->num_cached += row.num_tokens;
    GenerationClock& clock = generations_.at(row.sequence->id)->clock;
    clock.OnStep(started_at, step.stats.num_rows);
    const auto first = choice;
    choice = std::find_if(first, choices->end(), [&](const TokenChoice& other) {
      return other.sequence != row.sequence || other.place < 0;
    });
    const std::span<TokenChoice> scored(first, choice);
    TokenChoice* chosen = row.wants_logits ? &*choice++ : nullptr;
    if (!DeliverScores(*row.sequence, scored) || chosen == nullptr) continue;
    clock.OnToken(chosen_at);
    Append(*row.sequence, *chosen, now + (chosen_at - started_at), step.stats);
  }
  if (!HasWork()) TellAll();
  step.stats.duration = absl::Now() - started_at;
  scheduler_->Observe(step, step.stats.duration);
  observer_.OnStep(step.stats);
}

void GenerationStepper::EndDropped(DroppedSequence dropped) {
  std::unique_ptr<Generation> generation = Forget(dropped.sequence->id);
  if (!dropped.sequence->has_run()) {
    if (absl::IsDeadlineExceeded(dropped.status)) observer_.OnRejected(RejectReason::kDeadline);
  } else if (absl::IsCancelled(dropped.status)) {
    observer_.OnCancelled(generation->stop_clock.SinceStop());
  }
  End(std::move(generation), std::move(dropped.status));
}

absl::StatusOr<std::span<TokenChoice>> GenerationStepper::ChooseTokens(ScheduledStep& step) {
  rows_.clear();
  choices_.clear();
  const int num_ids = chooser_.NumIds(*model_);
  for (const ScheduledRow& row : step.rows) {
    const Sequence& sequence = *row.sequence;
    rows_.push_back(
        {.slot = sequence.slot,
         .start = sequence.num_cached,
         .tokens = std::span(sequence.tokens).subspan(sequence.num_cached, row.num_tokens),
         .wants_logits = row.wants_logits,
         .num_ids = num_ids});
    const Generation& generation = *generations_.at(sequence.id);
    if (generation.scores_prompt(sequence)) {
      rows_.back().wants_all_logits = true;
      const int end =
          std::min(sequence.num_cached + row.num_tokens, sequence.num_prompt_tokens - 1);
      for (int i = sequence.num_cached; i < end; ++i) {  // A token's logits are of the next one.
        choices_.push_back({.sequence = &sequence, .request = &generation.request, .place = i + 1});
      }
    }
    if (!row.wants_logits) continue;
    TokenChoice& choice =
        choices_.emplace_back(TokenChoice{.sequence = &sequence, .request = &generation.request});
    if (!model_->cuts_logits() || rows_.back().wants_all_logits) continue;
    choice.num_top = std::min(TokenChooser::NumTop(choice), num_ids);
    rows_.back().num_top = choice.num_top;
  }
  RETURN_IF_ERROR(RunModel(observer_, [&] {
    for (const auto& [slot, num_kept_tokens] : step.releases) {
      model_->Release(slot, static_cast<int>(num_kept_tokens));
    }
    for (const PrefixCopy& copy : step.copies) {
      model_->CopyPrefix(copy.from_slot, copy.to_slot, copy.num_tokens);
    }
    const LanguageModel::Output output = model_->Run(rows_, [this] { TellAll(); });
    step.stats.num_padded_rows = output.num_padded_rows;
    chooser_.Choose(output, *model_, choices_);
  }));
  return std::span(choices_);
}

bool GenerationStepper::DeliverScores(const Sequence& sequence, std::span<TokenChoice> scored) {
  Generation& generation = *generations_.at(sequence.id);
  if (!generation.scores_prompt(sequence)) return true;
  chorus::v1::TextDelta delta;
  if (generation.num_scored == 0) {
    chorus::v1::TokenLogprob& first = *delta.add_prompt_logprobs();
    first.set_id(sequence.tokens[0]);
    first.set_text(ReplaceInvalidUtf8(token_bytes_.token_bytes(sequence.tokens[0])));
    ++generation.num_scored;
  }
  for (TokenChoice& choice : scored) {
    if (choice.token < 0) {
      observer_.OnNotFinite();
      Fail(sequence, NotFiniteError());
      return false;
    }
    if (choice.place < generation.num_scored) continue;  // Delivered before a preemption.
    *delta.add_prompt_logprobs() = *std::move(choice.logprob);
    ++generation.num_scored;
  }
  Deliver(generation, std::move(delta));
  return true;
}

template <typename Callback>
void GenerationStepper::Tell(Callback callback) {
  if (!model_->runs_aside()) return std::move(callback)();
  untold_.push_back(std::move(callback));
}

void GenerationStepper::TellAll() {
  for (auto& call_back : std::exchange(untold_, {})) std::move(call_back)();
}

void GenerationStepper::Append(Sequence& sequence, TokenChoice& choice, absl::Time now,
                               StepStats& stats) {
  if (choice.token < 0) {
    observer_.OnNotFinite();
    return Fail(sequence, NotFiniteError());
  }
  if (sequence.max_tokens == sequence.num_prompt_tokens) {
    return Finish(sequence, chorus::v1::FINISH_REASON_LENGTH);
  }
  Generation& generation = *generations_.at(sequence.id);
  sequence.tokens.push_back(choice.token);
  ++stats.num_generated_tokens;
  if (sequence.stop.stop_requested()) ++stats.num_wasted_tokens;
  const bool is_end = IsEnd(choice.token) && !generation.request.params().ignore_eos();
  if (is_end && token_bytes_.token_bytes(choice.token).empty()) {
    generation.text.AppendEnd(std::move(choice.logprob));
    return Finish(sequence, chorus::v1::FINISH_REASON_STOP);
  }
  Deliver(generation, generation.text.Append(choice.token, std::move(choice.logprob)));
  if (generation.text.stopped()) return Finish(sequence, chorus::v1::FINISH_REASON_STOP_STRING);
  if (is_end) return Finish(sequence, chorus::v1::FINISH_REASON_STOP);  // No special token.
  if (std::ssize(sequence.tokens) >= sequence.max_tokens) {
    return Finish(sequence, chorus::v1::FINISH_REASON_LENGTH);
  }
  if (now >= sequence.finish_by) Finish(sequence, chorus::v1::FINISH_REASON_DEADLINE);
}

void GenerationStepper::Deliver(Generation& generation, chorus::v1::TextDelta delta) {
  if (delta.num_tokens() == 0 && delta.prompt_logprobs().empty()) return;
  Tell([&generation, delta = std::move(delta)]() mutable {
    generation.callbacks.on_delta(std::move(delta));
  });
}

void GenerationStepper::End(std::unique_ptr<Generation> generation,
                            absl::StatusOr<chorus::v1::GenerationEnd> end) {
  Tell([generation = std::move(generation), end = std::move(end)]() mutable {
    std::move(generation->callbacks.on_done)(std::move(end));
  });
}

void GenerationStepper::Finish(const Sequence& sequence, chorus::v1::FinishReason reason) {
  chorus::v1::GenerationEnd end;
  end.set_reason(reason);
  end.set_prompt_tokens(sequence.num_prompt_tokens);
  end.set_generated_tokens(sequence.num_generated());
  if (!generations_.at(sequence.id)->request.prompt_ids().empty()) {
    Detokenizer detokenizer(token_bytes_);
    std::string prompt;
    for (const int32_t id : std::span(sequence.tokens).first(sequence.num_prompt_tokens)) {
      prompt += detokenizer.Append(id);
    }
    end.set_prompt(prompt + detokenizer.Finish());
  }
  std::unique_ptr<Generation> generation = Forget(sequence.id);
  Remove(sequence);
  Deliver(*generation, generation->text.Finish());
  if (generation->text.stopped()) end.set_reason(chorus::v1::FINISH_REASON_STOP_STRING);
  *end.mutable_timing() = generation->clock.timing();
  End(std::move(generation), std::move(end));
}

void GenerationStepper::Remove(const Sequence& sequence) {
  scheduler_->Remove(sequence);
  UpdateLoad();
}

void GenerationStepper::UpdateLoad() {
  num_running_.store(scheduler_->num_running(), std::memory_order_relaxed);
  num_kv_tokens_.store(slots_.num_needed_tokens(), std::memory_order_relaxed);
}

double GenerationStepper::kv_used_ratio() const {
  const double slots = static_cast<double>(num_running()) / slots_.num_slots();
  const double tokens = static_cast<double>(num_kv_tokens_.load(std::memory_order_relaxed)) /
                        static_cast<double>(slots_.max_tokens());
  return std::max(slots, tokens);
}

int GenerationStepper::kv_capacity() const {
  return static_cast<int>(std::min<int64_t>(slots_.max_tokens(), std::numeric_limits<int>::max()));
}

void GenerationStepper::Fail(const Sequence& sequence, const absl::Status& status) {
  std::unique_ptr<Generation> generation = Forget(sequence.id);
  Remove(sequence);
  End(std::move(generation), status);
}

void GenerationStepper::FailAll(const absl::Status& status) {
  const std::vector<std::unique_ptr<Sequence>> sequences = scheduler_->RemoveAll();
  UpdateLoad();
  for (const auto& sequence : sequences) End(Forget(sequence->id), status);
  TellAll();
}

std::unique_ptr<Generation> GenerationStepper::Forget(uint64_t id) {
  return std::move(generations_.extract(id).mapped());
}

}  // namespace chorus::runner
