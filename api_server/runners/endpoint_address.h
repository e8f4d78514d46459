#pragma once

// The two forms of a runner's endpoint: "host:port", the host also as "[::1]", and "unix:/path".
//
// Thread safety: free functions without state.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::gateway {

// INVALID_ARGUMENT unless `endpoint` has one of the two forms.
absl::Status CheckEndpointAddress(const std::string& endpoint);

// Whether the endpoint's host is a name, which may have several and changing addresses.
bool HasHostName(const std::string& endpoint);

// The current replicas of an endpoint with a host name: ReplicasOf() its addresses, each with the
// endpoint's port, as "10.0.0.7:50061". Blocks on the resolver. UNAVAILABLE says why there is none.
absl::StatusOr<std::vector<std::string>> ResolveEndpoint(const std::string& endpoint);

// The addresses that stand for one replica each, sorted. Since a replica may have both families,
// the IPv4 addresses if there are any, else the IPv6 ones. With one of each, as localhost may have,
// the endpoint itself, of which gRPC tries both.
std::vector<std::string> ReplicasOf(const std::string& endpoint, std::vector<std::string> v4,
                                    std::vector<std::string> v6);

}  // namespace chorus::gateway
