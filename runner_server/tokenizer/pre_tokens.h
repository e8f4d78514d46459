#pragma once

// Hand-written matchers of the regular expressions that most byte-level models split texts with:
// what \p{L}, \p{N} and \s are comes from the tables of unicode.h, and it is faster than an engine.
//
// GPT-2's:
//
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Llama 3's and, with \p{N} alone, Qwen2's:
//
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
//   | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// Source: Radford et al., "Language Models are Unsupervised Multitask Learners", and the encoder
// published with it; tokenizer.json of the two others.
//
// Thread safety: free functions without state.

#include <cstddef>
#include <optional>
#include <string_view>

namespace chorus::runner {

enum class PreTokenPattern { kGpt2, kLlama3, kQwen2 };

// The pattern that is spelled so, in one line.
std::optional<PreTokenPattern> PreTokenPatternFromText(std::string_view text);

// The size in bytes of the first pre-token, at least 1. `text` is the whole rest of the text, UTF-8
// and not empty, since the pre-token depends on what follows.
//
// Example: "I'll  go" -> "I", "'ll", " ", " go".
size_t FirstPreTokenSize(std::string_view text, PreTokenPattern pattern = PreTokenPattern::kGpt2);

}  // namespace chorus::runner
