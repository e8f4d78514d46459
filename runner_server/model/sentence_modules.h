#pragma once

// How sentence-transformers makes a vector of a text with the model in a folder: modules.json names
// the steps (base/model_modules.h), sentence_bert_config.json bounds the text,
// 1_Pooling/config.json says how to pool, config_sentence_transformers.json what stands before
// every text.
//
// Thread safety: free function without state.

#include <climits>
#include <filesystem>
#include <optional>

#include "absl/status/statusor.h"
#include "runner_server/model/architecture.h"

namespace chorus::runner {

struct SentenceModules {
  EmbeddingHead head;  // The names of dense layers are those of their folders.
  int max_text_tokens = INT_MAX;
};

// Nothing if `folder` has no modules.json. `hidden_size` is the size of its model's vectors.
// INVALID_ARGUMENT, with the file, for what is malformed or for a step that is not implemented.
absl::StatusOr<std::optional<SentenceModules>> ReadSentenceModules(
    const std::filesystem::path& folder, int hidden_size);

}  // namespace chorus::runner
