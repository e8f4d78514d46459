#pragma once

// Errors of a request's form, for which HTTP has codes finer than INVALID_ARGUMENT.

#include <string_view>

#include "absl/status/status.h"
#include "api_server/transcoding/http_status.h"
#include "base/string_view.h"

namespace chorus {

// INVALID_ARGUMENT whose HttpStatus() is `http_status`, such as 413.
inline absl::Status HttpError(int http_status, std::string_view message) {
  return WithHttpStatus(absl::InvalidArgumentError(AbslView(message)), http_status);
}

}  // namespace chorus
