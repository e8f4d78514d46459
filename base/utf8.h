#pragma once

// UTF-8 as Unicode 15, table 3-7, has it: no overlong forms, no surrogates, nothing above U+10FFFF.
//
// Thread safety: free functions without state.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chorus {

// One step of decoding.
struct Utf8Step {
  char32_t code_point;  // U+FFFD where the bytes are not UTF-8.
  size_t num_bytes;  // Bytes taken, at least 1; for bad bytes the maximal subpart, as Unicode (and
                     // Python) replace it.
  bool valid;
  bool truncated;  // Not valid, but the text ends within what may be a valid character.
};

// Decodes the first character. `text` must not be empty.
Utf8Step DecodeUtf8(std::string_view text);

// The offset of the first byte that is not UTF-8, or npos.
size_t FindInvalidUtf8(std::string_view text);

// What is not UTF-8 becomes U+FFFD.
std::string ToUtf8(std::string_view text);

inline bool IsValidUtf8(std::string_view text) {
  return FindInvalidUtf8(text) == std::string_view::npos;
}

}  // namespace chorus
