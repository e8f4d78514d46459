#pragma once

// Loads the tokenizer of a Hugging Face folder as transformers' AutoTokenizer does, by what the
// folder holds: tokenizer.json, else a SentencePiece model, else vocab.json and merges.txt, else
// vocab.txt, with the settings of tokenizer_config.json on top. Where only a vocabulary is there,
// its kind is told by the tokenizer's class or the model_type of config.json.
//
// A special token that the vocabulary lacks is added behind it, as by transformers; there the
// model's embedding may have no row for it (tokenizer_fit.h).
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

// Whether LoadTokenizer reads a vocab.txt whose last line has no end, as one that was cut short. A
// tokenizer.json or vocab.json cannot be cut unseen, and a cut merges.txt lacks what makes tokens.
bool VocabularyEndsInsideALine(const std::filesystem::path& folder);

}  // namespace chorus::runner
