#pragma once

// tokenizer.json, the file in which Hugging Face's tokenizers keep all of a tokenizer. It can hold
// many kinds; Chorus takes those of GPT-2, BERT and
// RoBERTa and refuses by name whatever else one asks for.
// "truncation" and "padding" are the caller's matter, as they are in transformers.
//
// Errors are those of base/model_file.h. Thread safety: free functions without state.

#include <filesystem>
#include <optional>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/byte_level_bpe.h"
#include "runner_server/tokenizer/word_piece.h"

namespace chorus::runner {

// `trim_offsets` overrules what a post-processor says of it.
absl::StatusOr<ByteLevelBpe::Definition> ReadByteLevelBpeJson(
    const std::filesystem::path& path, std::optional<bool> trim_offsets = std::nullopt);

absl::StatusOr<WordPiece::Definition> ReadWordPieceJson(const std::filesystem::path& path);

}  // namespace chorus::runner
