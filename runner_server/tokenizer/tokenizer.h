#pragma once

// Turns text into token ids and back, equal to Hugging Face's tokenizers to the id.
//
// Thread safety: immutable after construction; all methods may be called from any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus::runner {

// A token and its bytes [begin, end) in the text.
struct TokenSpan {
  int32_t id = 0;
  size_t begin = 0;
  size_t end = 0;  // After the last.
  bool operator==(const TokenSpan&) const = default;
};

// What a model reads of a text, or of two as a pair: the tokens in its frame, and of each the type,
// by which some models tell the second text from the first.
struct Encoding {
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;  // One for each id.
  size_t full_size = 0;           // The number of ids without truncation.
};

class TokenBytes;

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // The tokens of `text`, valid UTF-8, with the model's frame of special tokens. A special token
  // spelled out in the text, such as "[SEP]", becomes its id; with `split_special_tokens` it is
  // plain text. This and all that encodes or decodes: INVALID_ARGUMENT if a part of the tokenizer
  // makes far more of it than those of known ones do (text_budget.h); the message names the part.
  virtual absl::StatusOr<std::vector<int32_t>> Encode(std::string_view text,
                                                      bool split_special_tokens) const = 0;

  // What the model reads of `text`, or of it and `second` as a pair, with the types. At most
  // `max_tokens`, as transformers' "longest_first": the frame stays, the longer text loses its end,
  // then both. (A frame of more tokens than that stays alone.)
  virtual absl::StatusOr<Encoding> EncodeInput(std::string_view text,
                                               std::optional<std::string_view> second,
                                               bool split_special_tokens,
                                               size_t max_tokens) const = 0;

  // Truncates Encode's result to `max_tokens`, at least 2: removes the end of the text, not the
  // frame.
  virtual void Truncate(std::vector<int32_t>& ids, size_t max_tokens) const = 0;

  // As Encode, without the frame. Text that belongs to no token, such as white space or a removed
  // accent, lies between spans.
  virtual absl::StatusOr<std::vector<TokenSpan>> EncodeWithSpans(
      std::string_view text, bool split_special_tokens) const = 0;

  // The text of tokens, special ones included, as valid UTF-8. Ids must be in [0, vocab_size()).
  virtual absl::StatusOr<std::string> Decode(std::span<const int32_t> ids) const = 0;

  // Ids are in [0, vocab_size()).
  virtual int32_t vocab_size() const = 0;

  // The length at which transformers truncates texts, which may be less than the model's context.
  // INT_MAX if unknown.
  virtual int model_max_length() const = 0;

  // The bytes of each id, which generation needs; null if tokens are not bytes. Owned by this.
  virtual const TokenBytes* bytes() const = 0;
};

}  // namespace chorus::runner
