#pragma once

// An error as the JSON body of an HTTP reply.
//
// Thread safety: free functions without state.

#include <string>

#include "absl/status/status.h"

namespace chorus::gateway {

// The body of an error reply (AIP-193):
// {"error":{"code":404,"status":"NOT_FOUND","message":"…","details":[]}}, where details
// are error_details.h's, as JSON with "@type".
std::string ErrorJson(const absl::Status& status);

}  // namespace chorus::gateway
