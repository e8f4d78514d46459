#pragma once

// Cuts text into pre-tokens as GPT-2 does, by hand what its regular expression says:
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

// The size in bytes of the first pre-token, at least 1. `text` is UTF-8 and not empty; the
// pre-token depends on all that follows it, so give the whole rest.
//
// Example: "I'll  go" -> "I", "'ll", " ", " go".
size_t FirstPreTokenSize(std::string_view text);

}  // namespace chorus::runner
