#pragma once

// A client of grpc.health.v1, for containers' health checks.
//
// Thread safety: free function without state.

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace chorus {

// OK if the server at `address` ("host:port" or "unix:/path") reports itself as SERVING.
// UNAVAILABLE with the status it reports instead, or with why none came within `timeout`. Blocks.
absl::Status CheckHealth(const std::string& address, absl::Duration timeout);

}  // namespace chorus
