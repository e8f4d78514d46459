#pragma once

// The HTTP side of an absl::Status. A status carries its HTTP code when that is finer than its own
// code says (415 and 413 are both INVALID_ARGUMENT); else the canonical mapping applies.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace chorus {

// As google/rpc/code.proto maps them; 200 for OK.
int HttpStatusFromCode(absl::StatusCode code);

// `status` with an HTTP code of its own. It does not cross gRPC.
absl::Status WithHttpStatus(absl::Status status, int http_status);

// INVALID_ARGUMENT with that HTTP code, such as 413: a fault of the request's form.
absl::Status HttpError(int http_status, std::string_view message);

// The HTTP code of `status`: its own, else that of its code.
int HttpStatus(const absl::Status& status);

// UNIMPLEMENTED with HTTP 405, for a path that has other methods. (AIP-193 has no code of its own
// for it; NOT_FOUND would say that the path is wrong, and is what clients look for to tell a model
// that is not there.)
absl::Status MethodNotAllowedError(std::string_view message,
                                   const std::vector<std::string>& allowed_methods);

// The value of the header Allow, "GET, POST"; empty for any other status than the above.
std::string AllowHeader(const absl::Status& status);

}  // namespace chorus
