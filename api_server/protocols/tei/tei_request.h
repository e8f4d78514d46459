#pragma once

// Requests of text-embeddings-inference (TEI), as requests of chorus.v1. `dimensions`, and
// `parameters` with `top_k` and `function_to_apply`, are what Hugging Face's InferenceClient sends
// besides.
//
// Thread safety: free functions without state.
// Source: TEI's API, https://huggingface.github.io/text-embeddings-inference.

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/chorus/v1/inference.pb.h"

namespace chorus::gateway {

// Texts of one request.
inline constexpr size_t kMostInputs = 1024;

struct PredictRequest {
  v1::ClassifyRequest classify;  // Without `model`.
  bool is_batch = false;         // Replied to with a list for each input.
  std::optional<int64_t> top_k;  // Labels of each reply, the likeliest.
};

// Both: INVALID_ARGUMENT names the member that is wrong.

// `inputs` is a text, a pair of texts, or an array of arrays of one text or of two.
absl::StatusOr<PredictRequest> ParsePredictRequest(std::string_view body);

// `inputs` is a text or texts. Without `model`.
absl::StatusOr<v1::EmbedRequest> ParseEmbedRequest(std::string_view body);

}  // namespace chorus::gateway
