#include "runner_server/engine/classification_stepper.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/finite.h"
#include "base/not_finite_error.h"
#include "base/status_macros.h"
#include "runner_server/engine/run_model.h"

namespace chorus {

std::vector<double> Softmax(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> probabilities;
  double total = 0;
  for (const float logit : logits) total += probabilities.emplace_back(std::exp(logit - largest));
  for (double& probability : probabilities) probability /= total;
  return probabilities;
}

absl::StatusOr<std::unique_ptr<ClassificationStepper>> ClassificationStepper::Create(
    std::unique_ptr<SequenceClassifier> model, EngineObserver& observer,
    const MicroBatcher::Options& options) {
  std::unique_ptr<ClassificationStepper> stepper(
      new ClassificationStepper(std::move(model), observer));
  ASSIGN_OR_RETURN(stepper->batcher_, MicroBatcher::Create(options));
  return stepper;
}

void ClassificationStepper::Add(Arrival arrival) {
  const size_t num_rows = arrival.call.rows.size();
  Call call = {.results = {},
               .num_missing = num_rows,
               .on_done = std::move(arrival.on_done),
               .arrived_at = arrival.arrived_at};
  call.results.texts.resize(num_rows);
  for (size_t i = 0; i < num_rows; ++i) {
    TextClassification& text = call.results.texts[i];
    text.num_tokens = static_cast<int>(arrival.call.rows[i].size());
    text.text_tokens = arrival.text_tokens[i];
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
  const int batch_size = static_cast<int>(batch.rows.size());
  for (const BatchRow& row : batch.rows) {
    Call& call = calls_.at(row.call);
    call.began_at = std::min(call.began_at, now);
    call.results.max_batch_size = std::max(call.results.max_batch_size, batch_size);
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
  Call& call = found->second;
  if (!AllFinite(logits)) {
    observer_.OnNotFinite();
    const bool is_alone = call.results.texts.size() == 1;
    return Fail(row.call, NotFiniteError(is_alone ? "" : absl::StrCat("texts[", row.index, "]: ")));
  }
  call.results.texts[row.index].probabilities = Softmax(logits);
  if (--call.num_missing > 0) return;
  // The wall clock may have been set back meanwhile: no time is negative.
  call.results.queue = std::max(call.began_at - call.arrived_at, absl::ZeroDuration());
  call.results.compute = std::max(absl::Now() - call.began_at, absl::ZeroDuration());
  Call ended = std::move(call);
  calls_.erase(found);
  std::move(ended.on_done)(std::move(ended.results));
}

void ClassificationStepper::Fail(uint64_t id, const absl::Status& status) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // An earlier row of the batch ended it.
  Call ended = std::move(found->second);
  calls_.erase(found);
  batcher_->Remove(id);  // Its other rows, where a batch with some of them failed.
  std::move(ended.on_done)(status);
}

void ClassificationStepper::FailAll(const absl::Status& status) {
  for (const uint64_t id : batcher_->RemoveAll()) Fail(id, status);
}

}  // namespace chorus
