#pragma once

// Options of the gateway's gRPC server.
//
// Thread safety: free functions without state.

#include <grpcpp/server_builder.h>

#include "api_server/config.h"

namespace chorus::gateway {

void SetConnections(const GrpcConnections& options, grpc::ServerBuilder& builder);

// Whether the server describes itself (grpc.reflection).
void SetReflection(bool wanted, grpc::ServerBuilder& builder);

}  // namespace chorus::gateway
