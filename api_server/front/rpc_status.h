#pragma once

// Errors as clients may see them, with google.rpc details.
//
// Details travel with an absl::Status as payloads whose type URLs are those of google.protobuf.Any;
// HTTP renders them as JSON, gRPC sends them as google.rpc.Status.
//
// Thread safety: free functions without state.

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

namespace chorus {

// When a client that was refused should try again.
inline constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// INVALID_ARGUMENT with the message "<field> <problem>" and a BadRequest that names the field:
// FieldError("max_length", "must be at least 1: 0").
absl::Status FieldError(std::string_view field, std::string_view problem);

// What of `status` clients are told. RESOURCE_EXHAUSTED and UNAVAILABLE get a RetryInfo. Our own
// faults (INTERNAL, UNKNOWN, DATA_LOSS) are logged, with the request's id, and lose their words and
// details, unless it is the model that is at fault (NotFiniteError). The message becomes valid
// UTF-8.
absl::Status ToPublicStatus(const absl::Status& status, std::string_view request_id);

// A public status in the form that gRPC's grpc-status-details-bin has.
google::rpc::Status ToRpcStatus(const absl::Status& status);

}  // namespace chorus
