#pragma once

// Errors as events of a stream, and in the place of a text that could not be had.
//
// Thread safety: free function without state.

#include <string_view>

#include "absl/status/status.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus {

// `error` as clients may see it; what they should not see of it is logged under `request_id`.
v1::ErrorEvent ToErrorEvent(const absl::Status& error, std::string_view request_id);

}  // namespace chorus
