#pragma once

// Runs classifiers and embedders on tensors.
//
// Thread safety: free functions.

#include "absl/status/status.h"
#include "api_server/front/inference_handler.h"
#include "api_server/protocols/open_inference/tensors.h"
#include "api_server/protocols/open_inference/text_runs.h"

namespace chorus::gateway {

// Either returns OK and calls `done` once; or returns INVALID_ARGUMENT with the input or the
// parameter that is wrong, or the service's error.
absl::Status RunClassifier(InferenceHandler& service, const InferRequest& request, Call call,
                           OutputsDone done);
absl::Status RunEmbedder(InferenceHandler& service, const InferRequest& request, Call call,
                         OutputsDone done);

}  // namespace chorus::gateway
