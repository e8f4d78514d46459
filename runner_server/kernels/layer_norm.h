#pragma once

// out = (x - mean) / sqrt(variance + epsilon) * weight + bias, of one row. The variance is computed
// in a second pass, which is accurate for a large mean.

namespace chorus::runner {

struct LayerNormArgs {
  const float* x = nullptr;  // [n]
  int n = 0;
  const float* weight = nullptr;  // [n]
  const float* bias = nullptr;    // [n]
  float epsilon = 0;
  float* out = nullptr;  // [n]; may be x.
};

}  // namespace chorus::runner
