#pragma once

// GPT-2's spelling of bytes: a byte-level vocabulary writes every byte as one printable character,
// 'A' as itself, the space as U+0120.
//
// Thread safety: free functions without state.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "runner_server/tokenizer/aligned_text.h"

namespace chorus::runner {

// The character each byte is written as, in UTF-8.
const std::array<std::string, 256>& ByteAlphabet();

// The bytes that `token`, UTF-8, spells; `token` itself if it has a character outside the alphabet,
// as in Hugging Face's decoder.
std::string SpelledBytes(std::string_view token);

// Writes every byte of the text as its character. The error is the budget's.
absl::Status SpellBytes(AlignedText& text);

}  // namespace chorus::runner
