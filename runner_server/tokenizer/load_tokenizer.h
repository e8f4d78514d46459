#pragma once

// Loads the tokenizer of a Hugging Face folder as transformers' AutoTokenizer does, by what the
// folder holds: tokenizer.json, else a SentencePiece model, else vocab.json and merges.txt, else
// vocab.txt, with the settings of tokenizer_config.json on top. Where only a vocabulary is there,
// its kind is told by the tokenizer's class or the model_type of config.json.
//
// A special token in none of the files has no id and is left out (transformers gives it one beyond
// the model's embedding); if it is needed, an error names it.
//
// Thread safety: free functions without state.

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

// NOT_FOUND names the files that are missing. INVALID_ARGUMENT begins with the file or folder, for
// what is malformed or not implemented.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::filesystem::path& folder);

// What a model needs of its tokenizer.
struct TokenizerUse {
  int num_rows = 0;        // Of its embedding.
  bool generates = false;  // It needs the tokens' bytes.
};

// Whether `tokenizer`, that of `folder`, can be its model's. INVALID_ARGUMENT begins with the
// folder.
absl::Status CheckTokenizer(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                            const TokenizerUse& use);

}  // namespace chorus::runner
