#pragma once

// Splits text into GPT-2's pre-tokens, a hand-written matcher of its regular expression:
//
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Source: Radford et al., "Language Models are Unsupervised Multitask Learners", and the encoder
// published with it.
//
// Thread safety: free functions without state.

#include <cstddef>
#include <string_view>

namespace chorus::runner {

// The size in bytes of the first pre-token, at least 1. `text` is the whole rest of the text, UTF-8
// and not empty, since the pre-token depends on what follows.
//
// Example: "I'll  go" -> "I", "'ll", " ", " go".
size_t FirstPreTokenSize(std::string_view text);

}  // namespace chorus::runner
