#pragma once

// Percent-encoding of URIs (RFC 3986, section 2.1) and of forms (WHATWG URL,
// application/x-www-form-urlencoded), decoding only.
//
// Errors: INVALID_ARGUMENT when a `%` is not followed by two hexadecimal digits; the message quotes
// the escape. The decoded bytes may be anything, also not UTF-8.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus {

// A path segment, or a piece of one. `+` stands for itself.
absl::StatusOr<std::string> DecodePathSegment(std::string_view text);

// The same, except that "%2F" and "%2f" stay as they are: decoded text is going to be joined with
// slashes, and whoever splits it again must find the same segments.
absl::StatusOr<std::string> DecodePathSegmentKeepingSlashes(std::string_view text);

// A name or value of a query string: `+` is a space.
absl::StatusOr<std::string> DecodeFormComponent(std::string_view text);

}  // namespace chorus
