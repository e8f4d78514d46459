#pragma once

// Post-processors of tokenizer.json: the frame of special tokens, and what of a token's text its
// span leaves out.
//
// Several of them, in a "Sequence", frame one after the other, as in Hugging Face's tokenizers: a
// text is one part and a pair two. BertProcessing and RobertaProcessing frame every part, and their
// number stays. TemplateProcessing, which has a template for one part and another for two, makes a
// part of each of its pieces. So after one of two pieces a second takes the special token for the
// first of a pair's texts, and after one of more pieces a second is refused, as it fails there.
//
// Thread safety: free function without state.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/frame.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

struct PostProcessor {
  // Spans exclude a token's outer white space.
  struct Trim {
    bool keeps_prefix_space;  // But not one at the beginning of the text.
  };

  Frame frame;
  std::vector<Trim> trims;  // Done one after the other.
};

// Null adds nothing. A token of a template without ids is looked up in the vocabulary.
// INVALID_ARGUMENT begins with `what`, such as "tokenizer.json: post_processor".
absl::StatusOr<PostProcessor> PostProcessorFromJson(const nlohmann::json& object,
                                                    const std::string& what,
                                                    const Vocabulary& vocabulary);

}  // namespace chorus::runner
