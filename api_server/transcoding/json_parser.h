#pragma once

// A strict parser of JSON, RFC 8259 to the letter, and stricter where the RFC leaves a choice: an
// object's names must differ (compared unescaped), arrays and objects nest at most
// kMaxJsonDepth deep, and there is no byte order mark. No comments, no trailing commas, no NaN or
// Infinity, no lone surrogates, UTF-8 throughout. A number may have any size; whether it fits is
// the reader's question.
//
// Takes linear time, and a stack that kMaxJsonDepth bounds.
//
// Thread safety: free functions without state.

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "api_server/transcoding/json_document.h"

namespace chorus {

inline constexpr int kMaxJsonDepth = 100;

// INVALID_ARGUMENT says what was expected and where, lines and characters counted from 1:
// `invalid JSON at line 3, column 7: expected "," or "}"`. It never quotes more than a character
// or an object's name.
absl::StatusOr<JsonDocument> ParseJson(std::string_view text);

// The length of the JSON number at the beginning of `text`; 0 when there is none.
size_t ScanJsonNumber(std::string_view text);

}  // namespace chorus
