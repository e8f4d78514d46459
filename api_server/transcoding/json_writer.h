#pragma once

// Pieces of JSON text, appended to `json`.
//
// Thread safety: free functions without state.

#include <string>
#include <string_view>

namespace chorus::gateway {

// A string. Escapes only what RFC 8259 requires; invalid UTF-8 becomes U+FFFD.
void AppendJsonString(std::string_view text, std::string& json);

// A number with the fewest digits that read back as the same value; "NaN", "Infinity" and
// "-Infinity" in quotes, as in proto3 JSON.
void AppendJsonNumber(double value, std::string& json);
void AppendJsonNumber(float value, std::string& json);

}  // namespace chorus::gateway
