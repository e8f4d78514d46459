#pragma once

// Serves chorus.v1.InferenceService over gRPC's callback API; each call goes to the
// InferenceHandler that HTTP calls go to.
//
// A call's deadline is the client's, but at most `max_timeout` away. A client that cancels or
// vanishes stops the call, and so does one that does not read its stream. `x-request-id` is taken
// from the metadata or made, and returned as initial metadata. Errors carry google.rpc details in
// grpc-status-details-bin: BadRequest where a field is wrong, RetryInfo with RESOURCE_EXHAUSTED and
// UNAVAILABLE. A request that does not parse gets INVALID_ARGUMENT too.
//
// Thread safety: gRPC calls in from its own threads; nothing here blocks them.

#include <memory>

#include "absl/time/time.h"
#include "api_server/front/access_log.h"
#include "api_server/front/inference_handler.h"
#include "api_server/front/request_metrics.h"

namespace grpc {
class Service;
}

namespace chorus {

class GrpcFront {
 public:
  struct Options {
    absl::Duration max_timeout = absl::Seconds(300);   // A call's deadline, unless it asks less.
    absl::Duration write_timeout = absl::Seconds(30);  // For an event to be taken; cancelled.
    AccessLog* access_log = nullptr;                   // Gets each call. Null: none does.
  };

  // `handler` and `metrics` must outlive the front.
  GrpcFront(InferenceHandler& handler, RequestMetrics& metrics, const Options& options);
  ~GrpcFront();

  // For ServerBuilder::RegisterService. The front must outlive the server it is registered with.
  // Health and reflection are the server's own.
  grpc::Service& service();

 private:
  std::unique_ptr<grpc::Service> service_;
};

}  // namespace chorus
