#pragma once

// Implements Tokenize and Detokenize. The bounds keep every reply, also the gateway's, within gRPC
// clients' default limit of 4 MiB.
//
// Thread safety: free functions without state.

#include <cstddef>

#include "absl/status/status.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

inline constexpr size_t kMaxTokenizedBytes = size_t{1} << 20;
inline constexpr int kMaxDetokenizedIds = 1 << 20;
// With pieces: 20 bytes of numbers and tags each, 8 by which a piece may grow when it splits
// characters, and three times the text, since a normalizer may decompose characters. Ids alone take
// at most 3 bytes each, and there are no more than bytes in the text.
inline constexpr size_t kMaxTokensWithPieces = 1 << 15;
// Three times the tokenizable text: each of its bytes may be a token that alone is U+FFFD.
inline constexpr size_t kMaxDetokenizedBytes = 3 * kMaxTokenizedBytes;

// INVALID_ARGUMENT: the text is not UTF-8 or longer than kMaxTokenizedBytes, or more than
// kMaxTokensWithPieces are requested; the message says how to get them.
absl::Status Tokenize(const Tokenizer& tokenizer, const runner::v1::TokenizeRequest& request,
                      runner::v1::TokenizeResponse& response);

// INVALID_ARGUMENT: an id outside the vocabulary, more than kMaxDetokenizedIds, or a text of more
// than kMaxDetokenizedBytes.
absl::Status Detokenize(const Tokenizer& tokenizer, const runner::v1::DetokenizeRequest& request,
                        runner::v1::DetokenizeResponse& response);

}  // namespace chorus::runner
