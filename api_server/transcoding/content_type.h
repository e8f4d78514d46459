#pragma once

// The value of a Content-Type header (RFC 9110, section 8.3.1).
//
// Thread safety: a value.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chorus {

struct ContentType {
  std::string media_type;  // In lower case, such as "text/plain"; empty when there is no header.
  std::string charset;     // In lower case; empty when there is no such parameter.

  // True where the text that follows may be read as UTF-8.
  bool is_utf8() const {
    return charset.empty() || charset == "utf-8" || charset == "utf8" || charset == "us-ascii";
  }

  // An empty `header` means none. INVALID_ARGUMENT when it is not a media type with parameters, or
  // names a charset twice.
  static absl::StatusOr<ContentType> Parse(std::string_view header);
};

}  // namespace chorus
