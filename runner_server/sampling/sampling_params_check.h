#pragma once

// The ranges of SamplingParams.
//
// Thread safety: a free function without state.

#include "absl/status/status.h"
#include "runner_server/sampling/sampling_params.h"

namespace chorus {

// INVALID_ARGUMENT names the field that is out of range and its value. Greedy sampling reads only
// the penalty, so nothing else is checked then.
absl::Status CheckSamplingParams(const SamplingParams& params);

}  // namespace chorus
