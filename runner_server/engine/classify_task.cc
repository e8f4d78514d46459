#include "runner_server/engine/classify_task.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/error_details.h"

namespace chorus::runner {
namespace {

using chorus::v1::ScoreKind;

ScoreKind ToProto(ScoreFunction function) {
  switch (function) {
    case ScoreFunction::kSoftmax:
      return chorus::v1::SCORE_KIND_SOFTMAX;
    case ScoreFunction::kSigmoid:
      return chorus::v1::SCORE_KIND_SIGMOID;
    case ScoreFunction::kNone:
      return chorus::v1::SCORE_KIND_RAW;
  }
  return chorus::v1::SCORE_KIND_UNSPECIFIED;
}

std::vector<double> Scores(std::span<const float> logits, ScoreKind kind) {
  if (kind == chorus::v1::SCORE_KIND_SOFTMAX) return Softmax(logits);
  std::vector<double> scores(logits.begin(), logits.end());
  if (kind == chorus::v1::SCORE_KIND_SIGMOID) {
    for (double& score : scores) score = 1 / (1 + std::exp(-score));
  }
  return scores;
}

}  // namespace

std::vector<double> Softmax(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> probabilities;
  double total = 0;
  for (const float logit : logits) total += probabilities.emplace_back(std::exp(logit - largest));
  for (double& probability : probabilities) probability /= total;
  return probabilities;
}

absl::Status ClassifyTask::Check(const Request& request) const {
  if (!request.text_pairs().empty() && request.text_pairs_size() != request.texts_size()) {
    return FieldError("text_pairs",
                      absl::StrCat("must be empty or hold as many as texts, ", request.texts_size(),
                                   ": ", request.text_pairs_size()));
  }
  if (!chorus::v1::ScoreKind_IsValid(request.score_kind())) {
    return FieldError("score_kind", absl::StrCat("is unknown: ", request.score_kind()));
  }
  return absl::OkStatus();
}

ScoreKind ClassifyTask::KindOf(const Request& request) const {
  return request.score_kind() == chorus::v1::SCORE_KIND_UNSPECIFIED ? ToProto(head_.function)
                                                                    : request.score_kind();
}

void ClassifyTask::FillInfo(runner::v1::GetModelInfoResponse& info) const {
  info.set_task(runner::v1::TASK_CLASSIFY);
  info.set_score_kind(ToProto(head_.function));
  info.set_untrained_head(head_.untrained_seed.has_value());
  for (const std::string& label : head_.labels) info.add_labels(label);
}

void ClassifyTask::FillResult(const Request& request, std::span<const float> logits,
                              Result& result) const {
  const std::vector<double> scores = Scores(logits, KindOf(request));
  result.mutable_scores()->Add(scores.begin(), scores.end());
}

void ClassifyTask::FillResponse(const Request& request, Response& response) const {
  response.set_score_kind(KindOf(request));
  response.set_untrained_head(head_.untrained_seed.has_value());
  for (const std::string& label : head_.labels) response.add_labels(label);
}

}  // namespace chorus::runner
