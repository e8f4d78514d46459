#pragma once

// The Unicode normal forms, as Hugging Face's tokenizers have them: characters that are newer than
// the version of Unicode which those follow stay as they are.
//
// Thread safety: free function without state.

#include "runner_server/tokenizer/aligned_text.h"

namespace chorus::runner {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

// A composed character comes from where its first part does. The error is the budget's.
absl::Status Normalize(NormalForm form, AlignedText& text);

}  // namespace chorus::runner
