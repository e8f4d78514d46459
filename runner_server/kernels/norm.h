#pragma once

// Norms of one row.
//   layer_norm  (x - mean) / sqrt(variance + epsilon) * weight + bias. The variance is computed in
//   a
//               second pass, which is accurate for a large mean.
//   rms_norm    x / sqrt(mean of x^2 + epsilon) * weight

#include <cstdint>

namespace chorus::runner {

enum class NormKind : uint8_t { kLayerNorm, kRmsNorm };

struct NormArgs {
  const float* x = nullptr;  // [n]
  int n = 0;
  const float* weight = nullptr;  // [n]
  const float* bias = nullptr;    // [n]; null for none. Of layer_norm only.
  float epsilon = 0;
  float* out = nullptr;  // [n]; may be x.
};

}  // namespace chorus::runner
