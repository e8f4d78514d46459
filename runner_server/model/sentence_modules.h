#pragma once

// How sentence-transformers makes a vector of a text with the model in a folder: modules.json names
// the steps, sentence_bert_config.json bounds the text, 1_Pooling/config.json says how to pool.
//
// Thread safety: free function without state.

#include <climits>
#include <filesystem>
#include <optional>

#include "absl/status/statusor.h"
#include "runner_server/model/architecture.h"

namespace chorus::runner {

struct SentenceModules {
  Pooling pooling = Pooling::kMean;
  bool normalizes = false;
  int max_text_tokens = INT_MAX;
};

// Nothing if `folder` has no modules.json. INVALID_ARGUMENT, with the file, for what is malformed
// or for a step that is not implemented, such as a further linear layer.
absl::StatusOr<std::optional<SentenceModules>> ReadSentenceModules(
    const std::filesystem::path& folder);

}  // namespace chorus::runner
