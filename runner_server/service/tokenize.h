#pragma once

// What Tokenize and Detokenize answer. The bounds keep every reply, the gateway's too, within the 4
// MiB that gRPC clients take by default.
//
// Thread safety: free functions without state.

#include <cstddef>

#include "absl/status/status.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

inline constexpr size_t kMaxTokenizedBytes = size_t{1} << 20;
inline constexpr int kMaxDetokenizedIds = 1 << 20;
// With their pieces: 20 bytes of numbers and tags each, 8 that a piece may grow by where it begins
// and ends within characters, and the text thrice, for a normalizer may take characters apart. Ids
// alone take at most 3 bytes each, and there are no more than the text has bytes.
inline constexpr size_t kMaxTokensWithPieces = 1 << 15;
// Thrice what can be tokenized, for each of its bytes may be a token, and by itself a U+FFFD.
inline constexpr size_t kMaxDetokenizedBytes = 3 * kMaxTokenizedBytes;

// INVALID_ARGUMENT: the text is not UTF-8, or longer than kMaxTokenizedBytes; or more than
// kMaxTokensWithPieces are asked for, and the message says how to have them all the same.
absl::Status Tokenize(const Tokenizer& tokenizer, const runner::v1::TokenizeRequest& request,
                      runner::v1::TokenizeResponse& response);

// INVALID_ARGUMENT: an id that is not in the vocabulary, more than kMaxDetokenizedIds, or a text of
// more than kMaxDetokenizedBytes.
absl::Status Detokenize(const Tokenizer& tokenizer, const runner::v1::DetokenizeRequest& request,
                        runner::v1::DetokenizeResponse& response);

}  // namespace chorus::runner
