#pragma once

// Activations as the narrow GEMMs take them, a row at a time.

#include <cstdint>

namespace chorus::runner {

// How a row x of fp32 became q of 8 bits: x = scale * (q - zero), nearly.
struct RowQuantization {
  float scale = 1;   // NaN where x, or its range, is not finite: then no product of it is a number.
  int32_t zero = 0;  // In [0, 255]; the q of 0.0, which is always exact.
};

}  // namespace chorus::runner
