#pragma once

#include <array>

namespace chorus {

// What --dtype takes, and chorusfile.yaml and the API: what the CPU does best, and the precisions
// in their order (Precision).
inline constexpr std::array<const char*, 6> kDtypes = {"auto", "float32",          "bfloat16",
                                                       "int8", "int8_weight_only", "float16"};

// What --executor takes, and chorusfile.yaml: what the device wants, Chorus's kernels, libtorch.
inline constexpr std::array<const char*, 3> kExecutors = {"auto", "native", "torch"};

}  // namespace chorus
