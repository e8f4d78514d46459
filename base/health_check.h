#pragma once

// Asks a server how it is, for those that have no client at hand: containers' health checks.
//
// Thread safety: free function without state.

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace chorus {

// OK when grpc.health.v1 at `address`, "host:port" or "unix:/path", says that the server as a whole
// is SERVING. UNAVAILABLE says what else it says, or why it says nothing within `timeout`.
absl::Status CheckHealth(const std::string& address, absl::Duration timeout);

}  // namespace chorus
