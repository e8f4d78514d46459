#pragma once

// Quantization of activations, row by row, for the int8 GEMM.

#include <cstdint>

namespace chorus::runner {

// Maps a row x of fp32 to 8-bit q: x ~ scale * (q - zero).
struct RowQuantization {
  float scale = 1;   // NaN if x or its range is not finite, so that all products are NaN.
  int32_t zero = 0;  // In [0, 255]; the q of 0.0, which is exact.
};

}  // namespace chorus::runner
