#pragma once

// Whether a tokenizer is that of its model. Its vocabulary and the rows of the model's embedding
// need not be equally many: embeddings are padded, and tokens are added to a tokenizer alone, with
// ids that have no row.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <filesystem>
#include <span>

#include "absl/status/status.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

// What a model needs of its tokenizer.
struct TokenizerUse {
  int num_rows = 0;        // Of its embedding.
  bool generates = false;  // It needs the tokens' bytes.
};

// Whether `tokenizer`, that of `folder`, can be its model's. INVALID_ARGUMENT begins with the
// folder: the vocabulary was cut short, a token without a row frames every text, or tokens are no
// bytes of a text.
absl::Status CheckTokenizer(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                            const TokenizerUse& use);

// INVALID_ARGUMENT names the first token of a text that has no row, and says what to do.
absl::Status CheckHasRows(const Tokenizer& tokenizer, std::span<const int32_t> ids, int num_rows);

}  // namespace chorus::runner
