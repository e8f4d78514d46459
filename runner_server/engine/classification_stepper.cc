#include "runner_server/engine/classification_stepper.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/finite.h"
#include "base/limits.h"
#include "base/status_macros.h"
#include "runner_server/engine/engine_observer.h"

namespace chorus::runner {

std::vector<double> Softmax(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> probabilities;
  double total = 0;
  for (const float logit : logits) total += probabilities.emplace_back(std::exp(logit - largest));
  for (double& probability : probabilities) probability /= total;
  return probabilities;
}

absl::StatusOr<std::unique_ptr<ClassificationStepper>> ClassificationStepper::Create(
    std::unique_ptr<SequenceClassifier> model, const Tokenizer& tokenizer, EngineObserver& observer,
    const Options& options) {
  if (tokenizer.vocab_size() > model->vocab_size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tokenizer's vocabulary must have at most ", model->vocab_size(),
                     " entries, as the model's embedding: ", tokenizer.vocab_size()));
  }
  if (options.max_text_tokens < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_text_tokens must be at least 2: ", options.max_text_tokens));
  }
  std::unique_ptr<ClassificationStepper> stepper(
      new ClassificationStepper(std::move(model), tokenizer, observer, options));
  ASSIGN_OR_RETURN(stepper->batcher_, MicroBatcher::Create(options.batch));
  return stepper;
}

ClassificationStepper::Request ClassificationStepper::WarmUpRequest() {
  Request request;
  request.add_texts("Hello");
  return request;
}

absl::Status ClassificationStepper::Check(const Request& request) const {
  if (!request.texts().empty() && request.texts_size() <= kMaxTexts) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("texts must hold 1 to ", kMaxTexts, " texts: ", request.texts_size()));
}

void ClassificationStepper::FillInfo(runner::v1::GetModelInfoResponse& info) const {
  info.set_task(runner::v1::TASK_CLASSIFY);
  info.set_context_size(context_size_);
  info.set_vocab_size(model_->vocab_size());
  info.set_batch_invariant(model_->batch_invariant());
  for (const std::string& label : model_->labels()) info.add_labels(label);
}

void ClassificationStepper::FillLoad(runner::v1::GetLoadResponse& load) const {
  load.set_running_sequences(num_running());
}

absl::StatusOr<ClassificationStepper::Arrival> ClassificationStepper::Prepare(Call& call) const {
  Arrival arrival;
  int64_t num_tokens = 0;
  for (int i = 0; i < call.request.texts_size(); ++i) {
    // Asked for every text: a call of a thousand takes a while to tokenise.
    RETURN_IF_ERROR(call.CheckStillWanted());
    RETURN_IF_ERROR(AddText(call.request, i, arrival));
    num_tokens += std::ssize(arrival.call.rows.back());
  }
  RETURN_IF_ERROR(call.ticket.AddTokens(num_tokens));
  arrival.call.deadline = call.deadline;
  arrival.call.stop = std::move(call.stop);
  arrival.call.ticket = std::move(call.ticket);
  arrival.call.underway = call.request.underway();
  arrival.callbacks = std::move(call.callbacks);
  arrival.arrived_at = call.arrived_at;
  return arrival;
}

absl::Status ClassificationStepper::AddText(const Request& request, int index,
                                            Arrival& arrival) const {
  std::vector<int32_t> ids =
      tokenizer_.Encode(request.texts(index), request.split_special_tokens());
  const int text_tokens = static_cast<int>(ids.size());
  if (text_tokens > context_size_ && request.refuse_truncation()) {
    return absl::InvalidArgumentError(
        absl::StrCat("texts[", index, "] has ", text_tokens, " tokens and the model reads at most ",
                     context_size_, ": shorten it, or allow that it is cut"));
  }
  tokenizer_.Truncate(ids, context_size_);
  arrival.call.rows.push_back(std::move(ids));
  arrival.text_tokens.push_back(text_tokens);
  return absl::OkStatus();
}

void ClassificationStepper::Add(Arrival arrival) {
  arrival.call.id = next_id_++;
  const size_t num_rows = arrival.call.rows.size();
  Running call = {.response = {},
                  .num_missing = num_rows,
                  .callbacks = std::move(arrival.callbacks),
                  .arrived_at = arrival.arrived_at};
  for (size_t i = 0; i < num_rows; ++i) {
    runner::v1::Classification& result = *call.response.add_results();
    result.set_num_tokens(static_cast<uint32_t>(arrival.call.rows[i].size()));
    result.set_text_tokens(arrival.text_tokens[i]);
  }
  calls_.emplace(arrival.call.id, std::move(call));
  batcher_->Add(std::move(arrival.call));
}

void ClassificationStepper::Step(absl::Time now) {
  const absl::Time started_at = absl::Now();
  const Batch batch = batcher_->Form(now);
  for (const DroppedCall& dropped : batch.dropped) {
    if (absl::IsDeadlineExceeded(dropped.status)) observer_.OnRejected(RejectReason::kDeadline);
    Fail(dropped.id, dropped.status);
  }
  if (batch.rows.empty()) return;

  Begin(batch, started_at);
  num_running_.store(static_cast<int>(batch.rows.size()), std::memory_order_relaxed);
  const absl::StatusOr<std::span<const float>> logits = Forward(batch);
  num_running_.store(0, std::memory_order_relaxed);
  const size_t num_labels = model_->labels().size();
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    if (logits.ok()) {
      Publish(batch.rows[i], logits->subspan(i * num_labels, num_labels));
    } else {
      Fail(batch.rows[i].call, logits.status());
    }
  }
  if (!logits.ok()) return;
  observer_.OnStep({.num_rows = static_cast<int>(batch.rows.size()),
                    .num_tokens = batch.num_tokens,
                    .num_prompt_tokens = batch.num_tokens,
                    .duration = absl::Now() - started_at,
                    .limited_by = batch.limited_by});
}

void ClassificationStepper::Begin(const Batch& batch, absl::Time now) {
  const auto batch_size = static_cast<uint32_t>(batch.rows.size());
  for (const BatchRow& row : batch.rows) {
    Running& call = calls_.at(row.call);
    call.began_at = std::min(call.began_at, now);
    call.response.set_max_batch_size(std::max(call.response.max_batch_size(), batch_size));
  }
}

absl::StatusOr<std::span<const float>> ClassificationStepper::Forward(const Batch& batch) {
  rows_.clear();
  for (const BatchRow& row : batch.rows) rows_.emplace_back(row.tokens);
  std::span<const float> logits;  // [rows, labels]
  RETURN_IF_ERROR(RunModel(observer_, [&] { logits = model_->Forward(rows_); }));
  return logits;
}

void ClassificationStepper::Publish(const BatchRow& row, std::span<const float> logits) {
  const auto found = calls_.find(row.call);
  if (found == calls_.end()) return;  // An earlier row of the batch ended it.
  Running& call = found->second;
  if (!AllFinite(logits)) {
    observer_.OnNotFinite();
    const bool is_alone = call.response.results_size() == 1;
    return Fail(row.call, NotFiniteError(is_alone ? "" : absl::StrCat("texts[", row.index, "]: ")));
  }
  const std::vector<double> probabilities = Softmax(logits);
  call.response.mutable_results(row.index)->mutable_probabilities()->Add(probabilities.begin(),
                                                                         probabilities.end());
  if (--call.num_missing > 0) return;
  Running ended = std::move(call);
  calls_.erase(found);
  for (const std::string& label : model_->labels()) ended.response.add_labels(label);
  // The wall clock may have been set back meanwhile: no time is negative.
  const auto between = [](absl::Time begin, absl::Time end) {
    return absl::ToDoubleSeconds(std::max(end - begin, absl::ZeroDuration()));
  };
  ended.response.set_queue_seconds(between(ended.arrived_at, ended.began_at));
  ended.response.set_compute_seconds(between(ended.began_at, absl::Now()));
  std::move(ended.callbacks.on_done)(std::move(ended.response));
}

void ClassificationStepper::Fail(uint64_t id, const absl::Status& status) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // An earlier row of the batch ended it.
  Running ended = std::move(found->second);
  calls_.erase(found);
  batcher_->Remove(id);  // Its other rows, where a batch with some of them failed.
  std::move(ended.callbacks.on_done)(status);
}

void ClassificationStepper::FailAll(const absl::Status& status) {
  for (const uint64_t id : batcher_->RemoveAll()) Fail(id, status);
}

}  // namespace chorus::runner
