#pragma once

// Pieces of JSON text. Each function writes after what is in `json`.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

namespace chorus {

// A string: only what RFC 8259 says must be escaped is, other characters stay as they are. Bytes
// that are not UTF-8 become U+FFFD, so that the JSON is always valid.
void AppendJsonString(std::string_view text, std::string& json);

// A number with the fewest digits that read back as the same value; "NaN", "Infinity" and
// "-Infinity" in quotes, as proto3 JSON has them.
void AppendJsonNumber(double value, std::string& json);
void AppendJsonNumber(float value, std::string& json);

}  // namespace chorus
