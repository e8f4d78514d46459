#include "runner_server/engine/embed_task.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/tokenizer/python_text.h"

namespace chorus::runner {
namespace {

constexpr double kLeastLength = 1e-12;  // As torch.nn.functional.normalize has it.

chorus::v1::Pooling ToProto(const EmbeddingHead& head) {
  if (head.pooling == Pooling::kPooler) return chorus::v1::POOLING_POOLER;
  return head.pooling == Pooling::kMean ? chorus::v1::POOLING_MEAN : chorus::v1::POOLING_CLS;
}

}  // namespace

int EmbedTask::NumDimensions(const Request& request) const {
  return request.dimensions() == 0 ? num_dimensions_ : static_cast<int>(request.dimensions());
}

bool EmbedTask::Normalizes(const Request& request) const {
  return request.has_normalize() ? request.normalize() : head_.normalizes;
}

absl::Status EmbedTask::Check(const Request& request) const {
  if (request.dimensions() > static_cast<uint32_t>(num_dimensions_)) {
    return FieldError("dimensions", absl::StrCat("must be at most the model's ", num_dimensions_,
                                                 ": ", request.dimensions()));
  }
  const int64_t num_numbers = int64_t{request.texts_size()} * NumDimensions(request);
  if (num_numbers > kMaxNumbers) {
    return WithField(absl::InvalidArgumentError(absl::StrCat(
                         request.texts_size(), " texts of ", NumDimensions(request),
                         " dimensions make ", num_numbers, " numbers, and a reply holds at most ",
                         kMaxNumbers, ": send fewer at once")),
                     "texts");
  }
  return absl::OkStatus();
}

std::string EmbedTask::FormText(std::string_view text) const {
  const TextForm& form = head_.text;
  std::string formed = absl::StrCat(form.prompt, AbslView(text));
  if (form.strips) formed = std::string(PythonStrip(formed));
  return form.lowers ? PythonLower(formed) : formed;
}

absl::StatusOr<int> EmbedTask::NumUnpooled(const Tokenizer& tokenizer, int most) const {
  if (head_.pools_prompt || head_.text.prompt.empty()) return 0;
  const std::string prompt = FormText("");
  ASSIGN_OR_RETURN(
      const Encoding input,
      tokenizer.EncodeInput(prompt, std::nullopt, /*split_special_tokens=*/false, most));
  const std::vector<int32_t>& framed = input.ids;
  ASSIGN_OR_RETURN(const std::vector<TokenSpan> bare,
                   tokenizer.EncodeWithSpans(prompt, /*split_special_tokens=*/false));
  const bool has_end = !framed.empty() && (bare.empty() || framed.back() != bare.back().id);
  return static_cast<int>(framed.size()) - (has_end ? 1 : 0);
}

void EmbedTask::FillInfo(runner::v1::GetModelInfoResponse& info) const {
  info.set_task(runner::v1::TASK_EMBED);
  info.set_dimensions(static_cast<uint32_t>(num_dimensions_));
  info.set_pooling(ToProto(head_));
  info.set_normalized(head_.normalizes);
  info.set_prompt(head_.text.prompt);
}

void EmbedTask::FillResult(const Request& request, std::span<const float> vector,
                           Result& result) const {
  const std::span<const float> kept = vector.first(NumDimensions(request));
  result.mutable_values()->Add(kept.begin(), kept.end());
  if (!Normalizes(request)) return;
  double square = 0;
  for (const float value : kept) square += double{value} * value;
  const double length = std::max(std::sqrt(square), kLeastLength);
  for (float& value : *result.mutable_values()) value = static_cast<float>(value / length);
}

void EmbedTask::FillResponse(const Request& request, Response& response) const {
  response.set_pooling(ToProto(head_));
  response.set_normalized(Normalizes(request));
}

}  // namespace chorus::runner
