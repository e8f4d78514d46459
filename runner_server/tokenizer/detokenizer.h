#pragma once

// Turns a stream of token ids into text. Every piece is valid UTF-8, and the pieces together equal
// the decoding of the whole (bad bytes become U+FFFD as in Python's errors="replace").
//
// Thread safety: none; one for each sequence.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::runner {

// The bytes behind each token id of a byte-level vocabulary.
class TokenBytes {
 public:
  virtual ~TokenBytes() = default;
  // Empty for special tokens. `id` must be in the vocabulary. The view is owned by this.
  virtual std::string_view token_bytes(int32_t id) const = 0;
};

// `bytes`, with invalid ones as U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view bytes);

class Detokenizer {
 public:
  // `bytes` must outlive the detokenizer.
  explicit Detokenizer(const TokenBytes& bytes) : bytes_(bytes) {}

  // The text completed by this token; empty while a character is incomplete.
  std::string Append(int32_t id);

  // Whether a character is incomplete.
  bool is_open() const { return !open_.empty(); }

  // An incomplete character at the end, as U+FFFD; else empty.
  std::string Finish();

 private:
  const TokenBytes& bytes_;
  std::string open_;  // Bytes of an incomplete character, at most 3.
};

}  // namespace chorus::runner
