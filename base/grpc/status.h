#pragma once

// absl::Status and grpc::Status share their codes and, as error_details.h has them, their details.
//
// Thread safety: free functions without state.

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace chorus {

// With the details of `status`, as google.rpc.Status, if it has any.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Of what came as details only a BadRequest is taken.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace chorus
