#pragma once

// The two forms of a runner's endpoint: "host:port", the host also as "[::1]", and "unix:/path".
//
// Thread safety: free functions without state.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

// INVALID_ARGUMENT says what an endpoint must be, and what this one is.
absl::Status CheckEndpointAddress(const std::string& endpoint);

// Whether the endpoint's host is a name, whose addresses may be many and change with time.
bool HasHostName(const std::string& endpoint);

// The addresses a host name has at this moment, each with the endpoint's port, as "10.0.0.7:50061",
// sorted. Where it has IPv4 and IPv6 addresses those of IPv4 alone: a replica with both is one
// replica. Blocks for as long as the resolver does. UNAVAILABLE says why there is none.
absl::StatusOr<std::vector<std::string>> ResolveEndpoint(const std::string& endpoint);

}  // namespace chorus
