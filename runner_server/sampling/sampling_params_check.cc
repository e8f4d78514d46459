#include "runner_server/sampling/sampling_params_check.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace chorus {

absl::Status CheckSamplingParams(const SamplingParams& params) {
  if (!std::isfinite(params.repetition_penalty) || params.repetition_penalty <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "repetition_penalty must be a finite number above 0: ", params.repetition_penalty));
  }
  if (params.greedy()) return absl::OkStatus();
  if (!std::isfinite(params.temperature) || params.temperature < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("temperature must be a finite number, at least 0: ", params.temperature));
  }
  if (!(params.top_p > 0 && params.top_p <= 1)) {  // Also true of NaN.
    return absl::InvalidArgumentError(
        absl::StrCat("top_p must be above 0 and at most 1: ", params.top_p));
  }
  if (!(params.min_p >= 0 && params.min_p <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("min_p must be at least 0 and at most 1: ", params.min_p));
  }
  return absl::OkStatus();
}

}  // namespace chorus
