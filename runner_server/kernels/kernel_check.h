#pragma once

// A check at start, for kernels that were tested on no such CPU but an emulated one.

#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

// Whether `kernels` multiply in bf16 and int8 as `trusted` do, over a few shapes that end inside
// and at the end of tiles: in int8 to the bit, in bf16 nearly, and there a row alone has the bits
// that it has in company. Both must run on this CPU. Takes less than a millisecond with AVX-512.
bool MultipliesAs(const KernelTable& trusted, const KernelTable& kernels);

}  // namespace chorus::runner
