#pragma once

// The two forms of a runner's endpoint: "host:port", the host also as "[::1]", and "unix:/path".
//
// Thread safety: free function without state.

#include <string>

#include "absl/status/status.h"

namespace chorus {

// INVALID_ARGUMENT says what an endpoint must be, and what this one is.
absl::Status CheckEndpointAddress(const std::string& endpoint);

}  // namespace chorus
