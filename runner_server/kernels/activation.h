#pragma once

// Functions applied element by element, on their own or at the end of a GEMM.

#include <cstdint>

namespace chorus::runner {

enum class Activation : uint8_t {
  kNone,
  kRelu,
  kTanh,
  kGeluTanh,  // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); Hugging Face's "gelu_new".
  kGeluErf,   // x/2 (1 + erf(x / sqrt(2))); Hugging Face's "gelu".
  kSilu,      // x / (1 + e^-x); Hugging Face's "silu" and "swish".
};

}  // namespace chorus::runner
