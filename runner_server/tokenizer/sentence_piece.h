#pragma once

// Reads SentencePiece models (tokenizer.model, spiece.model) as what transformers turns them into:
// the parts of a tokenizer.json.
// Source: transformers 4.57, convert_slow_tokenizer.py.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/tokenizer_class.h"
#include "runner_server/tokenizer/tokenizer_config.h"
#include "runner_server/tokenizer/tokenizer_spec.h"

namespace chorus::runner {

// NOT_FOUND, or INVALID_ARGUMENT that begins with the path.
absl::StatusOr<TokenizerSpec> ReadSentencePiece(const std::filesystem::path& path,
                                                const TokenizerClass& tokenizer_class,
                                                const TokenizerConfig& config);

// The same of the file's bytes; `source` is its path.
absl::StatusOr<TokenizerSpec> SentencePieceSpec(std::string_view bytes, std::string source,
                                                const TokenizerClass& tokenizer_class,
                                                const TokenizerConfig& config);

}  // namespace chorus::runner
