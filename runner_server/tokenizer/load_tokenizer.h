#pragma once

// Loads tokenizers from a Hugging Face folder, as transformers' AutoTokenizer: from tokenizer.json,
// else vocab.json and merges.txt, or vocab.txt, with the settings of tokenizer_config.json on top.
//
// A special token in none of the files has no id and is left out (transformers gives it one beyond
// the model's embedding); if it is needed, an error names it.
//
// Errors: NOT_FOUND names the files that are missing. INVALID_ARGUMENT begins with the file or
// folder, for what is malformed or not implemented.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/byte_level_bpe.h"
#include "runner_server/tokenizer/word_piece.h"

namespace chorus::runner {

// GPT-2's, without a frame.
absl::StatusOr<std::unique_ptr<ByteLevelBpe>> LoadByteLevelBpe(const std::filesystem::path& folder);

// RoBERTa's.
absl::StatusOr<std::unique_ptr<ByteLevelBpe>> LoadRobertaBpe(const std::filesystem::path& folder);

// BERT's and DistilBERT's.
absl::StatusOr<std::unique_ptr<WordPiece>> LoadWordPiece(const std::filesystem::path& folder);

}  // namespace chorus::runner
