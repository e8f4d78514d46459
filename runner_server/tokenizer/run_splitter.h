#pragma once

// Pre-tokenizers that tell words by the classes of their characters.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "runner_server/tokenizer/pre_tokenizer.h"

namespace chorus::runner {

inline constexpr uint16_t kAlone = UINT16_MAX;  // Of a character that is a word,
inline constexpr uint16_t kAny = kAlone - 1;    // or that goes on with the run that has begun.

// The longest runs of characters of one class; those of class 0 are no words.
template <uint16_t (*kClass)(char32_t c)>
class RunSplitter final : public PreTokenizer {
 public:
  absl::Status Split(PreTokens& tokens) const override {
    std::vector<PreTokens::Word> words;
    const std::string_view text = tokens.text.text();
    for (const PreTokens::Word& word : tokens.words) {
      size_t begin = word.begin;
      uint16_t run = 0;
      for (size_t i = word.begin; i < word.end;) {
        const Utf8Step step = DecodeUtf8(text.substr(i, word.end - i));
        const uint16_t next = kClass(step.code_point);
        if (next != kAny && (next != run || next == kAlone)) {
          if (run != 0) PreTokens::Add(words, begin, i);
          begin = i;
          run = next;
        }
        i += step.num_bytes;
      }
      if (run != 0) PreTokens::Add(words, begin, word.end);
    }
    tokens.words = std::move(words);
    return absl::OkStatus();
  }
};

}  // namespace chorus::runner
