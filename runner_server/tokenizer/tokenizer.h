#pragma once

// Turns text into token ids, equal to Hugging Face's tokenizers to the id.
//
// Thread safety: immutable after construction; all methods may be called at once from any thread.

#include <cstdint>
#include <string_view>
#include <vector>

namespace chorus {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // `text` is UTF-8 (the caller has checked). At most `max_tokens` ids: a tokenizer whose model
  // frames the text with special tokens adds them and counts them, and cuts the text, not them.
  // `max_tokens` >= 2.
  virtual std::vector<int32_t> Encode(std::string_view text, size_t max_tokens) const = 0;

  // Ids are in [0, vocab_size()).
  virtual int32_t vocab_size() const = 0;
};

}  // namespace chorus
