#pragma once

// Turns a stream of token ids into text. Every piece is valid UTF-8, and the pieces together equal
// the decoding of the whole: bad bytes become U+FFFD as in Python's errors="replace", or one by
// one. (Hugging Face's ByteFallback replaces all of a run of byte tokens if a part of it is bad;
// what has been shown is not taken back here.)
//
// Thread safety: none; one for each sequence.

#include <cstdint>
#include <span>
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

  // The same of the last token of a text, which may lose a space.
  virtual std::string_view last_token_bytes(int32_t id) const { return token_bytes(id); }

  // Where a token adds nothing after one that is the same: a number of those that are. -1: it is
  // never left out, and as if it were not there for others, as special tokens are.
  virtual int32_t repeat_number(int32_t /*id*/) const { return -1; }

  // Whether every bad byte becomes U+FFFD, not every maximal part of a character.
  virtual bool replaces_each_byte() const { return false; }
};

// `bytes`, with invalid ones as U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view bytes);

class Detokenizer {
 public:
  // The text goes on after the tokens `prompt`: what they and it decode to begins with what they
  // decode to alone, and the rest is what the detokenizer says. `bytes` must outlive it.
  explicit Detokenizer(const TokenBytes& bytes, std::span<const int32_t> prompt = {});

  // The text completed by this token; empty while a character is incomplete. What only the last
  // token of a text lacks comes with the next.
  std::string Append(int32_t id);

  // Whether a character is incomplete.
  bool is_open() const { return !open_.empty(); }

  // The rest of a text that has ended. An incomplete character becomes U+FFFD.
  std::string Finish();

 private:
  // What a token adds to the text, after what is held of the one before it.
  std::string BytesOf(int32_t id);
  // Holds what a token's bytes lack if it is the last; returns what comes before.
  std::string_view Hold(std::string_view bytes, std::string_view if_last);

  const TokenBytes& bytes_;
  bool begins_text_ = true;        // No token with text has come.
  int32_t repeat_number_ = -1;     // Of the last token that has one.
  std::string open_;               // Bytes of an incomplete character, at most 3.
  std::string held_;               // What the last token adds if another follows,
  std::string_view held_if_last_;  // and if not.
};

}  // namespace chorus::runner
