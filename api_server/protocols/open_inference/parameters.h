#pragma once

// Parameters of a request, by the names of the fields of chorus.v1's requests.
//
// Thread safety: free functions without state.

#include <google/protobuf/message.h>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/status.h"

namespace chorus::gateway {

// Sets the fields of `request` that `parameters`, an object, names: those that tell how, not what.
// `max_tokens`, the protocol's own name, is `max_new_tokens`; a single text may stand for a list of
// one. INVALID_ARGUMENT names the parameter that is unknown or wrong.
absl::Status SetParameters(const nlohmann::json& parameters, google::protobuf::Message& request);

}  // namespace chorus::gateway
