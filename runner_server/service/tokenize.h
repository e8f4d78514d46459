#pragma once

// What Tokenize and Detokenize answer.
//
// Thread safety: free functions without state.

#include <cstddef>

#include "absl/status/status.h"
#include "proto/chorus/runner/v1/runner.pb.h"
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus {

inline constexpr size_t kMaxTokenizedBytes = size_t{1} << 20;
inline constexpr int kMaxDetokenizedIds = 1 << 20;

// INVALID_ARGUMENT: the text is not UTF-8, or longer than kMaxTokenizedBytes.
absl::Status Tokenize(const Tokenizer& tokenizer, const runner::v1::TokenizeRequest& request,
                      runner::v1::TokenizeResponse& response);

// INVALID_ARGUMENT: an id that is not in the vocabulary, or more than kMaxDetokenizedIds.
absl::Status Detokenize(const Tokenizer& tokenizer, const runner::v1::DetokenizeRequest& request,
                        runner::v1::DetokenizeResponse& response);

}  // namespace chorus
