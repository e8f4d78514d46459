#pragma once

// Turns the vocabulary files from before tokenizer.json into the parts of one, as transformers
// does. Source: transformers 4.57, convert_slow_tokenizer.py.
//
// Errors are those of base/model_file.h. Thread safety: free functions without state.

#include <filesystem>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/tokenizer_class.h"
#include "runner_server/tokenizer/tokenizer_config.h"
#include "runner_server/tokenizer/tokenizer_spec.h"

namespace chorus::runner {

// vocab.json and merges.txt: GPT-2's, RoBERTa's or Qwen2's by the class.
absl::StatusOr<TokenizerSpec> ReadVocabularyAndMerges(const std::filesystem::path& folder,
                                                      const TokenizerClass& tokenizer_class,
                                                      const TokenizerConfig& config);

// vocab.txt: BERT's or MPNet's.
absl::StatusOr<TokenizerSpec> ReadVocabularyOfPieces(const std::filesystem::path& folder,
                                                     const TokenizerClass& tokenizer_class,
                                                     const TokenizerConfig& config);

}  // namespace chorus::runner
