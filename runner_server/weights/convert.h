#pragma once

// Converts stored weights to fp32, exactly.
//
// Thread safety: a function without state.

#include <cstddef>
#include <string_view>

#include "runner_server/weights/tensor.h"

namespace chorus::runner {

// Whether ConvertToFloat reads this type: F32, F16 and BF16.
bool IsConvertible(DType dtype);

// Writes `count` values, the first at element `first` of `data`, to `out`. `data` holds elements of
// `dtype`, which must be convertible, at any alignment; first + count must lie in it.
void ConvertToFloat(DType dtype, std::string_view data, size_t first, size_t count, float* out);

}  // namespace chorus::runner
