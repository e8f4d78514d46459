#pragma once

// Serves the methods of a registry over gRPC's callback API.
//
// A call's deadline is the client's, but at most `max_timeout` away. The call is stopped if the
// client cancels, disconnects, or does not read its stream. `x-request-id` is taken from the
// metadata or made, and returned as initial metadata. Errors carry google.rpc details in
// grpc-status-details-bin: BadRequest where a field is wrong, RetryInfo with RESOURCE_EXHAUSTED and
// UNAVAILABLE. A request that does not parse gets INVALID_ARGUMENT too.
//
// Thread safety: gRPC calls in from its own threads, several at once; nothing here blocks them.

#include <memory>
#include <vector>

#include "api_server/front/active_request.h"
#include "api_server/front/method_registry.h"

namespace grpc {
class ServerBuilder;
class Service;
}  // namespace grpc

namespace chorus::gateway {

class GrpcFront {
 public:
  // `methods`, filled already, and what `rules` names must outlive the front.
  GrpcFront(const MethodRegistry& methods, const FrontRules& rules);
  ~GrpcFront();

  // Adds the services, without health and reflection. The front must outlive the server that is
  // built.
  void AddTo(grpc::ServerBuilder& builder);

 private:
  std::vector<std::unique_ptr<grpc::Service>> services_;
};

}  // namespace chorus::gateway
