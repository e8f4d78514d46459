#pragma once

// Errors as clients see them: google.rpc.Status with its details, of which gRPC sends the wire form
// and HTTP the JSON.
//
// Details travel with an absl::Status as payloads whose type URLs are those of google.protobuf.Any.
//
// Thread safety: free functions without state.

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

namespace chorus {

// When a client that we refused should try again.
inline constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// INVALID_ARGUMENT with the message "<field> <problem>" and a BadRequest that names the field:
// FieldError("max_length", "must be at least 1: 0").
absl::Status FieldError(std::string_view field, std::string_view problem);

// `status` with all its details; RetryInfo is added to RESOURCE_EXHAUSTED and UNAVAILABLE. The
// message becomes valid UTF-8. Our own faults (INTERNAL, UNKNOWN, DATA_LOSS) keep their code only:
// what they say is for the log.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// Whether ToRpcStatus hides the message, which should then be logged.
bool IsOurFault(const absl::Status& status);

}  // namespace chorus
