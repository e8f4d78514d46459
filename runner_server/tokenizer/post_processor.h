#pragma once

// Post-processors of tokenizer.json: the frame of special tokens, and what of a token's text its
// span leaves out.
//
// Thread safety: free function without state.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/frame.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

struct PostProcessor {
  Frame frame;
  bool trims_spans = false;         // Spans exclude a token's outer white space,
  bool keeps_prefix_space = false;  // but not one at the beginning of the text.
};

// Null adds nothing. A token of a template without ids is looked up in the vocabulary.
// INVALID_ARGUMENT begins with `what`, such as "tokenizer.json: post_processor".
absl::StatusOr<PostProcessor> PostProcessorFromJson(const nlohmann::json& object,
                                                    const std::string& what,
                                                    const Vocabulary& vocabulary);

}  // namespace chorus::runner
