#pragma once

// Tokenizers from a folder of Hugging Face's layout, as transformers' AutoTokenizer makes them:
// tokenizer.json if there is one, else vocab.json and merges.txt, or vocab.txt; and
// tokenizer_config.json over what they say.
//
// A special token that is in none of the files has no id, and is left out (transformers gives it
// one behind the model's last embedding); where it is needed, it is missed by name.
//
// Errors: NOT_FOUND names the files that are missing. INVALID_ARGUMENT begins with the file or
// folder and says what is malformed in it, or what it asks for that Chorus does not implement.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/byte_level_bpe.h"
#include "runner_server/tokenizer/word_piece.h"

namespace chorus::runner {

// GPT-2's, which frames no text.
absl::StatusOr<std::unique_ptr<ByteLevelBpe>> LoadByteLevelBpe(const std::filesystem::path& folder);

// RoBERTa's.
absl::StatusOr<std::unique_ptr<ByteLevelBpe>> LoadRobertaBpe(const std::filesystem::path& folder);

// BERT's and DistilBERT's.
absl::StatusOr<std::unique_ptr<WordPiece>> LoadWordPiece(const std::filesystem::path& folder);

}  // namespace chorus::runner
