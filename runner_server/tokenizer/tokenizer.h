#pragma once

// Turns text into token ids and back, equal to Hugging Face's tokenizers to the id.
//
// Thread safety: immutable after construction; all methods may be called at once from any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chorus {

// A token and the bytes of the text that it stands for.
struct TokenSpan {
  int32_t id = 0;
  size_t begin = 0;
  size_t end = 0;  // After the last.
  bool operator==(const TokenSpan&) const = default;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // `text` is UTF-8 (the caller has checked). At most `max_tokens` ids: a tokenizer whose model
  // frames the text with special tokens adds them and counts them, and cuts the text, not them.
  // `max_tokens` >= 2.
  virtual std::vector<int32_t> Encode(std::string_view text, size_t max_tokens) const = 0;

  // All tokens of `text`, without those that frame it, in its order. What belongs to no token, such
  // as white space or an accent that is left out, is between them.
  virtual std::vector<TokenSpan> EncodeWithSpans(std::string_view text) const = 0;

  // The text of tokens, special ones included, as valid UTF-8. Ids must be in the vocabulary.
  virtual std::string Decode(std::span<const int32_t> ids) const = 0;

  // Ids are in [0, vocab_size()).
  virtual int32_t vocab_size() const = 0;
};

}  // namespace chorus
