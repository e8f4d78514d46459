// The kernels for any CPU. See simd_portable.h for what may be included here.
#include "runner_server/kernels/kernel_table.h"
#include "runner_server/kernels/simd_portable.h"
// After the vectors they are written with.
#include "runner_server/kernels/kernels_inl.h"

namespace chorus::runner {

constinit const KernelTable kPortableKernels = MakeKernelTable("portable");

}  // namespace chorus::runner
