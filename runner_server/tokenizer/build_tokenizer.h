#pragma once

// Makes the tokenizer that a TokenizerSpec describes; refuses by name what Chorus does not
// implement, and a byte-level BPE whose merges have been cut short.
//
// Thread safety: free function without state.

#include <memory>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/pipeline_tokenizer.h"
#include "runner_server/tokenizer/tokenizer_spec.h"

namespace chorus::runner {

struct TokenizerLimits {
  int model_max_length = INT_MAX;
  bool truncates_left = false;
};

// INVALID_ARGUMENT begins with `spec.source`.
absl::StatusOr<std::unique_ptr<PipelineTokenizer>> BuildTokenizer(TokenizerSpec spec,
                                                                  const TokenizerLimits& limits);

}  // namespace chorus::runner
