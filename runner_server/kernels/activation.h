#pragma once

// Functions applied element by element, on their own or at the end of a GEMM. One has a name and
// those that configs have for it here, and its formula in activation_inl.h (and once more, for the
// tests, in reference_kernels.cc).

#include <cstdint>

namespace chorus::runner {

enum class Activation : uint8_t {
  kNone,
  kRelu,
  kTanh,
  kGeluTanh,   // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  kGeluErf,    // x/2 (1 + erf(x / sqrt(2)))
  kGelu10,     // The same, at most 10.
  kQuickGelu,  // x / (1 + e^(-1.702 x))
  kSilu,       // x / (1 + e^-x)
  kMish,       // x tanh(ln(1 + e^x))
  kRelu2,      // The square of relu.
  kRelu6,      // relu, at most 6.
  kLeakyRelu,  // x, or 0.01 x where that is more.
  kSigmoid,
  kLaplace,  // (1 + erf((x - 0.707107) / (0.282095 sqrt(2)))) / 2
};

struct ActivationName {
  const char* name;
  Activation activation;
};

// Hugging Face's names, which has one formula in several ways. All but prelu and xielu, which have
// weights of their own.
inline constexpr ActivationName kActivationNames[] = {
    {"gelu", Activation::kGeluErf},
    {"gelu_python", Activation::kGeluErf},
    {"gelu_new", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},
    {"gelu_accurate", Activation::kGeluTanh},
    {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"gelu_python_tanh", Activation::kGeluTanh},
    {"gelu_10", Activation::kGelu10},
    {"quick_gelu", Activation::kQuickGelu},
    {"silu", Activation::kSilu},
    {"swish", Activation::kSilu},
    {"mish", Activation::kMish},
    {"relu", Activation::kRelu},
    {"relu2", Activation::kRelu2},
    {"relu6", Activation::kRelu6},
    {"leaky_relu", Activation::kLeakyRelu},
    {"tanh", Activation::kTanh},
    {"sigmoid", Activation::kSigmoid},
    {"laplace", Activation::kLaplace},
    {"linear", Activation::kNone},
};

}  // namespace chorus::runner
