#pragma once

// Requests and replies of the Open Inference Protocol over gRPC.
//
// Thread safety: free functions without state.

#include "absl/status/statusor.h"
#include "api_server/protocols/open_inference/tensors.h"
#include "proto/inference/open_inference.pb.h"

namespace chorus::gateway {

// INVALID_ARGUMENT names the field that is wrong.
absl::StatusOr<InferRequest> FromProto(const inference::ModelInferRequest& request);

// The values raw, or in the field of their datatype.
inference::ModelInferResponse ToProto(const InferReply& reply, bool raw);

}  // namespace chorus::gateway
