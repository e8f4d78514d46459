#include "api_server/runners/runner_messages.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"

namespace chorus {

namespace pb = ::chorus::runner::v1;

namespace {

TokenLogprob FromProto(const v1::TokenLogprob& proto) {
  TokenLogprob logprob = {.id = proto.id(), .text = proto.text(), .logprob = proto.logprob()};
  for (const v1::TopLogprob& top : proto.top()) {
    logprob.top.push_back({.id = top.id(), .text = top.text(), .logprob = top.logprob()});
  }
  return logprob;
}

std::optional<FinishReason> ToFinishReason(v1::FinishReason reason) {
  switch (reason) {
    case v1::FINISH_REASON_STOP:
      return FinishReason::kStop;
    case v1::FINISH_REASON_LENGTH:
      return FinishReason::kLength;
    case v1::FINISH_REASON_DEADLINE:
      return FinishReason::kDeadline;
    case v1::FINISH_REASON_STOP_STRING:
      return FinishReason::kStopString;
    default:
      return std::nullopt;
  }
}

absl::Status Check(const pb::ClassifyResponse& response, int num_texts) {
  if (response.results_size() != num_texts) {
    return absl::InternalError(absl::StrCat("the runner was sent ", num_texts,
                                            " texts and answered ", response.results_size()));
  }
  for (const pb::Classification& result : response.results()) {
    if (result.probabilities().empty() || result.probabilities_size() != response.labels_size()) {
      return absl::InternalError(absl::StrCat("the runner names ", response.labels_size(),
                                              " labels and gives ", result.probabilities_size(),
                                              " probabilities"));
    }
    for (const double probability : result.probabilities()) {
      if (probability >= 0 && probability <= 1) continue;
      return absl::InternalError(
          absl::StrCat("the runner gives a probability that is not in [0, 1]: ", probability));
    }
  }
  return absl::OkStatus();
}

}  // namespace

pb::GenerateRequest ToRequest(std::string prompt, const GenerateParams& params) {
  pb::GenerateRequest request;
  request.set_text(std::move(prompt));
  v1::GenerationParams& to = *request.mutable_params();
  to.set_max_length(params.max_length);
  if (params.max_new_tokens) to.set_max_new_tokens(*params.max_new_tokens);
  to.set_do_sample(params.do_sample);
  to.set_temperature(params.temperature);
  to.set_top_k(params.top_k);
  to.set_top_p(params.top_p);
  to.set_min_p(params.min_p);
  to.set_repetition_penalty(params.repetition_penalty);
  to.set_seed(params.seed);
  for (const std::string& stop : params.stop) to.add_stop(stop);
  to.set_ignore_eos(params.ignore_eos);
  to.set_split_special_tokens(params.split_special_tokens);
  if (params.top_logprobs) to.set_logprobs(*params.top_logprobs);
  request.set_branch(params.branch);
  request.set_sequence(params.sequence);
  return request;
}

TextDelta FromProto(v1::TextDelta& proto) {
  TextDelta delta = {.text = std::move(*proto.mutable_text()), .num_tokens = proto.num_tokens()};
  for (const v1::TokenLogprob& logprob : proto.logprobs()) {
    delta.logprobs.push_back(FromProto(logprob));
  }
  return delta;
}

absl::StatusOr<GenerationEnd> FromProto(const v1::GenerationEnd& finished) {
  const std::optional<FinishReason> reason = ToFinishReason(finished.reason());
  if (!reason.has_value()) {
    return absl::InternalError(
        absl::StrCat("the runner ended a text for a reason unknown here: ", finished.reason()));
  }
  const v1::GenerationTiming& timing = finished.timing();
  return GenerationEnd{.reason = *reason,
                       .prompt_tokens = finished.prompt_tokens(),
                       .generated_tokens = finished.generated_tokens(),
                       .queue_time = absl::Seconds(timing.queue_seconds()),
                       .prefill_time = absl::Seconds(timing.prefill_seconds()),
                       .decode_time = absl::Seconds(timing.decode_seconds()),
                       .mean_batch_size = timing.mean_batch_size(),
                       .model_version = finished.model_version()};
}

absl::StatusOr<std::vector<TextClassification>> FromProto(const pb::ClassifyResponse& response,
                                                          int num_texts) {
  RETURN_IF_ERROR(Check(response, num_texts));
  std::vector<TextClassification> results;
  for (const pb::Classification& result : response.results()) {
    results.push_back(
        {.labels = {response.labels().begin(), response.labels().end()},
         .probabilities = {result.probabilities().begin(), result.probabilities().end()},
         .num_tokens = std::max(result.text_tokens(), result.num_tokens()),
         .truncated = result.text_tokens() > result.num_tokens(),
         .max_batch_size = response.max_batch_size(),
         .model_version = response.model_version()});
  }
  return results;
}

TokenizedText FromProto(pb::TokenizeResponse& response) {
  TokenizedText text = {.ids = {response.ids().begin(), response.ids().end()},
                        .num_tokens = response.num_tokens()};
  for (pb::Token& token : *response.mutable_tokens()) {
    text.tokens.push_back(
        {token.id(), std::move(*token.mutable_text()), token.begin(), token.end()});
  }
  return text;
}

}  // namespace chorus
