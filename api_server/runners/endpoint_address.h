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

// The replicas that a host name has at this moment: ReplicasOf() its addresses, each with the
// endpoint's port, as "10.0.0.7:50061". Blocks for as long as the resolver does. UNAVAILABLE says
// why there is none.
absl::StatusOr<std::vector<std::string>> ResolveEndpoint(const std::string& endpoint);

// Of the addresses of an endpoint's two families, those that are a replica each, sorted. A replica
// may have both: so where there are IPv4 addresses it is those alone; but of one address each, as
// localhost may have, the endpoint itself, of which gRPC tries both.
std::vector<std::string> ReplicasOf(const std::string& endpoint, std::vector<std::string> v4,
                                    std::vector<std::string> v6);

}  // namespace chorus
