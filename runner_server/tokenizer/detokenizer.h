#pragma once

// Turns a stream of token ids back into text, so that what has been emitted is always valid UTF-8
// and the emissions together equal the decoding of the whole (bad bytes become U+FFFD as in
// Python's errors="replace").
//
// Thread safety: none; one per sequence, used by one thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::runner {

// The bytes behind each token id of a byte-level vocabulary.
class TokenBytes {
 public:
  virtual ~TokenBytes() = default;
  // Empty for special tokens, which leave no text. `id` must be in the vocabulary. The view lives
  // as long as this.
  virtual std::string_view token_bytes(int32_t id) const = 0;
};

// `bytes`, with every bad one as U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view bytes);

class Detokenizer {
 public:
  // `bytes` must outlive the detokenizer.
  explicit Detokenizer(const TokenBytes& bytes) : bytes_(bytes) {}

  // Text that is complete after this token; empty while a character is still open.
  std::string Append(int32_t id);

  // Whether a character has begun and is not complete.
  bool is_open() const { return !open_.empty(); }

  // What is left open at the end, as U+FFFD; empty if nothing is.
  std::string Finish();

 private:
  const TokenBytes& bytes_;
  std::string open_;  // Bytes of a character that has begun, at most 3.
};

}  // namespace chorus::runner
