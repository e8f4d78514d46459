#pragma once

// GPT-2's pre-tokenizer, "ByteLevel" in tokenizer.json: perhaps a space before the text, perhaps
// GPT-2's regular expression, and every byte spelled as a character (byte_alphabet.h).
//
// Thread safety: immutable; all methods may be called from any thread.

#include "runner_server/tokenizer/pre_tokenizer.h"
#include "runner_server/tokenizer/pre_tokens.h"

namespace chorus::runner {

// Splits every word further, into the pre-tokens of a pattern.
void SplitByPattern(PreTokenPattern pattern, PreTokens& tokens);

class ByteLevelSplitter final : public PreTokenizer {
 public:
  struct Options {
    bool add_prefix_space = true;  // To every word so far that does not begin with one.
    bool use_regex = true;
  };

  explicit ByteLevelSplitter(const Options& options) : options_(options) {}

  absl::Status Split(PreTokens& tokens) const override;

  bool spells_bytes() const override { return true; }
  void LeaveBytes() override { leaves_bytes_ = true; }

 private:
  const Options options_;
  bool leaves_bytes_ = false;
};

}  // namespace chorus::runner
