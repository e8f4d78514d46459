#pragma once

// Turns a stream of token ids into text. Every piece is valid UTF-8, and the pieces together equal
// the decoding of the whole: bad bytes become U+FFFD as in Python's errors="replace", or one by
// one. (Hugging Face's ByteFallback replaces all of a run of byte tokens if a part of it is bad;
// what has been shown is not taken back here.)
//
// Thread safety: none; one for each sequence.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::runner {

// The bytes that each token adds to a text.
class TokenBytes {
 public:
  virtual ~TokenBytes() = default;
  // Empty for special tokens. `id` must be in the vocabulary. The view is owned by this.
  virtual std::string_view token_bytes(int32_t id) const = 0;

  // The same of the first token of a text that has any, which may lose a space.
  virtual std::string_view first_token_bytes(int32_t id) const { return token_bytes(id); }

  // Whether every bad byte becomes U+FFFD, not every maximal part of a character.
  virtual bool replaces_each_byte() const { return false; }
};

// `bytes`, with invalid ones as U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view bytes);

class Detokenizer {
 public:
  // `bytes` must outlive the detokenizer. `begins_text`: no token with text has come before.
  explicit Detokenizer(const TokenBytes& bytes, bool begins_text = true)
      : bytes_(bytes), begins_text_(begins_text) {}

  // The text completed by this token; empty while a character is incomplete.
  std::string Append(int32_t id);

  // Whether a character is incomplete.
  bool is_open() const { return !open_.empty(); }

  // An incomplete character at the end, as U+FFFD; else empty.
  std::string Finish();

 private:
  const TokenBytes& bytes_;
  bool begins_text_;
  std::string open_;  // Bytes of an incomplete character, at most 3.
};

}  // namespace chorus::runner
