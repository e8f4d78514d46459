#include "runner_server/engine/encoder_stepper.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/error_details.h"
#include "base/finite.h"
#include "base/limits.h"
#include "base/status_macros.h"
#include "runner_server/engine/engine_observer.h"
#include "runner_server/tokenizer/tokenizer_fit.h"

namespace chorus::runner {

template <typename Task>
absl::StatusOr<std::unique_ptr<EncoderStepper<Task>>> EncoderStepper<Task>::Create(
    std::unique_ptr<SequenceEncoder> model, const Tokenizer& tokenizer, EngineObserver& observer,
    const Options& options) {
  if (options.max_text_tokens < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_text_tokens must be at least 2: ", options.max_text_tokens));
  }
  std::unique_ptr<EncoderStepper> stepper(
      new EncoderStepper(std::move(model), tokenizer, observer, options));
  ASSIGN_OR_RETURN(stepper->batcher_, MicroBatcher::Create(options.batch));
  ASSIGN_OR_RETURN(stepper->num_unpooled_,
                   stepper->task_.NumUnpooled(tokenizer, stepper->context_size_));
  return stepper;
}

template <typename Task>
typename EncoderStepper<Task>::Request EncoderStepper<Task>::WarmUpRequest() {
  Request request;
  request.add_texts("Hello");
  return request;
}

template <typename Task>
absl::Status EncoderStepper<Task>::Check(const Request& request) const {
  if (request.texts().empty() || request.texts_size() > kMaxTexts) {
    return FieldError("texts",
                      absl::StrCat("must hold 1 to ", kMaxTexts, " texts: ", request.texts_size()));
  }
  return task_.Check(request);
}

template <typename Task>
void EncoderStepper<Task>::FillInfo(runner::v1::GetModelInfoResponse& info) const {
  task_.FillInfo(info);
  info.set_context_size(context_size_);
  info.set_vocab_size(model_->vocab_size());
  info.set_bits(BitsOf(*model_));
}

template <typename Task>
void EncoderStepper<Task>::FillLoad(runner::v1::GetLoadResponse& load) const {
  load.set_running_sequences(num_running());
  FillDevice(model_->device_stats(), load);
}

template <typename Task>
absl::StatusOr<typename EncoderStepper<Task>::Arrival> EncoderStepper<Task>::Prepare(
    Call& call) const {
  Arrival arrival;
  int64_t num_tokens = 0;
  for (int i = 0; i < call.request.texts_size(); ++i) {
    // Asked for every text: a call of a thousand takes a while to tokenise.
    RETURN_IF_ERROR(call.CheckStillWanted());
    RETURN_IF_ERROR(AddText(call.request, i, arrival));
    num_tokens += std::ssize(arrival.call.rows.back().ids);
  }
  RETURN_IF_ERROR(call.ticket.AddTokens(num_tokens));
  arrival.call.deadline = call.deadline;
  arrival.call.stop = std::move(call.stop);
  arrival.call.ticket = std::move(call.ticket);
  arrival.call.underway = call.request.underway();
  arrival.callbacks = std::move(call.callbacks);
  arrival.arrived_at = call.arrived_at;
  arrival.request = std::move(call.request);
  Task::DropTexts(arrival.request);
  return arrival;
}

template <typename Task>
absl::Status EncoderStepper<Task>::AddText(const Request& request, int index,
                                           Arrival& arrival) const {
  std::optional<std::string_view> second;
  if (const std::string* pair = Task::PairOf(request, index)) second = *pair;
  const std::string field = absl::StrCat("texts[", index, "]");
  absl::StatusOr<Encoding> encoded = tokenizer_.EncodeInput(
      task_.FormText(request.texts(index)), second, request.split_special_tokens(), context_size_);
  if (!encoded.ok()) return WithField(OfPlace(encoded.status(), field), field);
  Encoding& input = *encoded;
  const int text_tokens = static_cast<int>(input.full_size);
  if (text_tokens > context_size_ && request.refuse_truncation()) {
    return FieldError(field,
                      absl::StrCat("has ", text_tokens, " tokens and the model reads at most ",
                                   context_size_, ": shorten it, or allow that it is cut"));
  }
  if (std::ssize(input.ids) > context_size_) {
    return absl::InvalidArgumentError(absl::StrCat("the model reads at most ", context_size_,
                                                   " tokens, too few for this kind of input"));
  }
  const absl::Status has_rows = CheckHasRows(tokenizer_, input.ids, model_->vocab_size());
  if (!has_rows.ok()) return WithField(OfPlace(has_rows, field), field);
  // As in transformers a model without token types is not told them.
  if (model_->num_token_types() == 1) input.type_ids.clear();
  for (const int32_t type : input.type_ids) {
    if (type < model_->num_token_types()) continue;
    return FieldError(field, absl::StrCat("has a token of type ", type, ", and the model knows ",
                                          model_->num_token_types(), " types"));
  }
  arrival.call.rows.push_back(std::move(input));
  arrival.text_tokens.push_back(text_tokens);
  return absl::OkStatus();
}

template <typename Task>
void EncoderStepper<Task>::Add(Arrival arrival) {
  arrival.call.id = next_id_++;
  const size_t num_rows = arrival.call.rows.size();
  Running call = {.request = std::move(arrival.request),
                  .response = {},
                  .num_missing = num_rows,
                  .callbacks = std::move(arrival.callbacks),
                  .arrived_at = arrival.arrived_at};
  for (size_t i = 0; i < num_rows; ++i) {
    typename Task::Result& result = *call.response.add_results();
    result.set_num_tokens(static_cast<uint32_t>(arrival.call.rows[i].ids.size()));
    result.set_text_tokens(arrival.text_tokens[i]);
  }
  calls_.emplace(arrival.call.id, std::move(call));
  batcher_->Add(std::move(arrival.call));
}

template <typename Task>
void EncoderStepper<Task>::Step(absl::Time now) {
  const absl::Time started_at = absl::Now();
  const Batch batch = batcher_->Form(now);
  for (const DroppedCall& dropped : batch.dropped) {
    if (absl::IsDeadlineExceeded(dropped.status)) observer_.OnRejected(RejectReason::kDeadline);
    Fail(dropped.id, dropped.status);
  }
  if (batch.rows.empty()) return;

  Begin(batch, started_at);
  num_running_.store(static_cast<int>(batch.rows.size()), std::memory_order_relaxed);
  const absl::StatusOr<std::span<const float>> values = Forward(batch);
  num_running_.store(0, std::memory_order_relaxed);
  const size_t num_values = model_->num_values();
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    if (values.ok()) {
      Publish(batch.rows[i], values->subspan(i * num_values, num_values));
    } else {
      Fail(batch.rows[i].call, values.status());
    }
  }
  if (!values.ok()) return;
  observer_.OnStep({.num_rows = static_cast<int>(batch.rows.size()),
                    .num_tokens = batch.num_tokens,
                    .num_prompt_tokens = batch.num_tokens,
                    .duration = absl::Now() - started_at,
                    .limited_by = batch.limited_by});
}

template <typename Task>
void EncoderStepper<Task>::Begin(const Batch& batch, absl::Time now) {
  const auto batch_size = static_cast<uint32_t>(batch.rows.size());
  for (const BatchRow& row : batch.rows) {
    Running& call = calls_.at(row.call);
    call.began_at = std::min(call.began_at, now);
    call.response.set_max_batch_size(std::max(call.response.max_batch_size(), batch_size));
  }
}

template <typename Task>
absl::StatusOr<std::span<const float>> EncoderStepper<Task>::Forward(const Batch& batch) {
  rows_.clear();
  for (const BatchRow& row : batch.rows) {
    rows_.emplace_back(row.tokens.ids, row.tokens.type_ids, num_unpooled_);
  }
  std::span<const float> values;  // [rows, num_values]
  RETURN_IF_ERROR(RunModel(observer_, [&] { values = model_->Forward(rows_); }));
  return values;
}

template <typename Task>
void EncoderStepper<Task>::Publish(const BatchRow& row, std::span<const float> values) {
  const auto found = calls_.find(row.call);
  if (found == calls_.end()) return;  // An earlier row of the batch ended it.
  Running& call = found->second;
  if (!AllFinite(values)) {
    observer_.OnNotFinite();
    const bool is_alone = call.response.results_size() == 1;
    return Fail(row.call, NotFiniteError(is_alone ? "" : absl::StrCat("texts[", row.index, "]: ")));
  }
  task_.FillResult(call.request, values, *call.response.mutable_results(row.index));
  if (--call.num_missing > 0) return;
  Running ended = std::move(call);
  calls_.erase(found);
  task_.FillResponse(ended.request, ended.response);
  // The wall clock may have been set back meanwhile: no time is negative.
  const auto between = [](absl::Time begin, absl::Time end) {
    return absl::ToDoubleSeconds(std::max(end - begin, absl::ZeroDuration()));
  };
  ended.response.set_queue_seconds(between(ended.arrived_at, ended.began_at));
  ended.response.set_compute_seconds(between(ended.began_at, absl::Now()));
  std::move(ended.callbacks.on_done)(std::move(ended.response));
}

template <typename Task>
void EncoderStepper<Task>::Fail(uint64_t id, const absl::Status& status) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // An earlier row of the batch ended it.
  Running ended = std::move(found->second);
  calls_.erase(found);
  batcher_->Remove(id);  // Its other rows, where a batch with some of them failed.
  std::move(ended.callbacks.on_done)(status);
}

template <typename Task>
void EncoderStepper<Task>::FailAll(const absl::Status& status) {
  for (const uint64_t id : batcher_->RemoveAll()) Fail(id, status);
}

template class EncoderStepper<ClassifyTask>;
template class EncoderStepper<EmbedTask>;

}  // namespace chorus::runner
