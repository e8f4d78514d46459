#pragma once

// The value of a Content-Type header (RFC 9110, section 8.3.1).
//
// Thread safety: a value.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus::gateway {

struct ContentType {
  std::string media_type;  // Lower case, such as "text/plain"; empty without a header.
  std::string charset;     // Lower case; empty without the parameter.

  // Whether the body may be read as UTF-8.
  bool is_utf8() const {
    return charset.empty() || charset == "utf-8" || charset == "utf8" || charset == "us-ascii";
  }

  // An empty `header` means none. INVALID_ARGUMENT unless it is a media type with parameters and at
  // most one charset.
  static absl::StatusOr<ContentType> Parse(std::string_view header);
};

// Content negotiation (RFC 9110, section 12.5.1), as far as a server with one type to offer needs.
//
// Whether `accept` admits `type` ("application/json"): the most specific matching range decides, by
// q > 0. Other parameters are ignored. An empty `accept` admits everything; a malformed range
// matches nothing.
bool Accepts(std::string_view accept, std::string_view type);

}  // namespace chorus::gateway
