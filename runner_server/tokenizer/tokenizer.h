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

namespace chorus::runner {

// A token and the bytes of the text that it stands for.
struct TokenSpan {
  int32_t id = 0;
  size_t begin = 0;
  size_t end = 0;  // After the last.
  bool operator==(const TokenSpan&) const = default;
};

class TokenBytes;

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // All tokens of `text`, which is UTF-8 (the caller has checked), and those special ones that the
  // model frames a text with. A special token that the text spells out, such as "[SEP]", becomes
  // its id; with `split_special_tokens` it is read as the characters it is.
  virtual std::vector<int32_t> Encode(std::string_view text, bool split_special_tokens) const = 0;

  // Cuts what Encode gave to `max_tokens`, at least 2: the end of the text goes, not its frame.
  virtual void Truncate(std::vector<int32_t>& ids, size_t max_tokens) const = 0;

  // As Encode, without the tokens that frame the text. What belongs to no token, such as white
  // space or an accent that is left out, is between them.
  virtual std::vector<TokenSpan> EncodeWithSpans(std::string_view text,
                                                 bool split_special_tokens) const = 0;

  // The text of tokens, special ones included, as valid UTF-8. Ids must be in the vocabulary.
  virtual std::string Decode(std::span<const int32_t> ids) const = 0;

  // Ids are in [0, vocab_size()).
  virtual int32_t vocab_size() const = 0;

  // Most tokens of a text that the model was trained to read, however large its context is: what
  // transformers cuts texts at. INT_MAX where nothing says.
  virtual int model_max_length() const = 0;

  // The bytes behind each id, which a model that generates needs; null where tokens are words, and
  // not bytes. Lives as long as this.
  virtual const TokenBytes* bytes() const = 0;
};

}  // namespace chorus::runner
