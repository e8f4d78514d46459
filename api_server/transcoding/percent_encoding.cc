#include "api_server/transcoding/percent_encoding.h"

#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

// The digit's value, or -1.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::StatusOr<std::string> Decode(std::string_view text, bool plus_is_space, bool keep_slashes) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const std::string_view escape = text.substr(i, 3);
    const int high = escape.size() == 3 ? HexDigit(escape[1]) : -1;
    const int low = escape.size() == 3 ? HexDigit(escape[2]) : -1;
    if (high < 0 || low < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a % must be followed by two hexadecimal digits (write %25 for the character itself): \"",
          AbslView(escape), "\""));
    }
    const char c = static_cast<char>(high * 16 + low);
    if (c == '/' && keep_slashes) {
      decoded += escape;
    } else {
      decoded += c;
    }
    i += 2;
  }
  return decoded;
}

}  // namespace

absl::StatusOr<std::string> DecodePathSegment(std::string_view text) {
  return Decode(text, /*plus_is_space=*/false, /*keep_slashes=*/false);
}

absl::StatusOr<std::string> DecodePathSegmentKeepingSlashes(std::string_view text) {
  return Decode(text, /*plus_is_space=*/false, /*keep_slashes=*/true);
}

absl::StatusOr<std::string> DecodeFormComponent(std::string_view text) {
  return Decode(text, /*plus_is_space=*/true, /*keep_slashes=*/false);
}

}  // namespace chorus::gateway
