#pragma once

// HTTP codes of an absl::Status. A status carries its HTTP code if that is more specific than its
// own (415 and 413 are both INVALID_ARGUMENT); else the canonical mapping applies.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace chorus::gateway {

// As google/rpc/code.proto maps them; 200 for OK.
int HttpStatusFromCode(absl::StatusCode code);

// `status` with a specific HTTP code, which does not cross gRPC.
absl::Status WithHttpStatus(absl::Status status, int http_status);

// INVALID_ARGUMENT with that HTTP code, such as 413.
absl::Status HttpError(int http_status, std::string_view message);

// The specific HTTP code of `status`, else the canonical one.
int HttpStatus(const absl::Status& status);

// UNIMPLEMENTED with HTTP 405, for a path that has other methods. (AIP-193 has no code for it, and
// clients take NOT_FOUND to mean that a model does not exist.)
absl::Status MethodNotAllowedError(std::string_view message,
                                   const std::vector<std::string>& allowed_methods);

// The value of Allow, "GET, POST"; empty unless `status` is a MethodNotAllowedError.
std::string AllowHeader(const absl::Status& status);

}  // namespace chorus::gateway
