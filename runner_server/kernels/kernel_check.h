#pragma once

// A check at start, for kernels that were only tested on an emulated CPU.

#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

// Whether the bf16 and int8 products of `kernels` match those of `trusted` over a few shapes with
// whole and partial tiles: int8 to the bit; bf16 approximately, and a row alone to the bit as among
// others. Both must run on this CPU. Takes less than a millisecond with AVX-512.
bool MultipliesAs(const KernelTable& trusted, const KernelTable& kernels);

}  // namespace chorus::runner
