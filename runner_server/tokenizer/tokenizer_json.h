#pragma once

// Reads tokenizer.json, Hugging Face's self-contained tokenizer file, of the kinds of GPT-2, BERT
// and RoBERTa; refuses other components by name. Ignores "truncation" and "padding", as
// transformers does.
//
// Errors are those of base/model_file.h. Thread safety: free functions without state.

#include <filesystem>
#include <optional>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/byte_level_bpe.h"
#include "runner_server/tokenizer/word_piece.h"

namespace chorus::runner {

// `trim_offsets` overrides the post-processor's.
absl::StatusOr<ByteLevelBpe::Definition> ReadByteLevelBpeJson(
    const std::filesystem::path& path, std::optional<bool> trim_offsets = std::nullopt);

absl::StatusOr<WordPiece::Definition> ReadWordPieceJson(const std::filesystem::path& path);

}  // namespace chorus::runner
