#pragma once

// Percent-encoding of URIs (RFC 3986, section 2.1) and of forms (WHATWG URL,
// application/x-www-form-urlencoded), decoding only.
//
// Errors: INVALID_ARGUMENT, quoting the escape, if a `%` is not followed by two hexadecimal digits.
// The result may be any bytes, also not UTF-8.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus::gateway {

// A path segment, or part of one. `+` stands for itself.
absl::StatusOr<std::string> DecodePathSegment(std::string_view text);

// The same, but keeps "%2F" and "%2f", so that segments joined with slashes can be split again.
absl::StatusOr<std::string> DecodePathSegmentKeepingSlashes(std::string_view text);

// A name or value of a query string: `+` is a space.
absl::StatusOr<std::string> DecodeFormComponent(std::string_view text);

}  // namespace chorus::gateway
