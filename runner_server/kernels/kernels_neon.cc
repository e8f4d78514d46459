// The kernels for Arm's 64-bit CPUs. See simd_avx512.h for what may be included here.
#include "runner_server/kernels/kernel_table.h"

#if defined(__aarch64__)
#include "runner_server/kernels/simd_neon.h"
// After the vectors they are written with.
#include "runner_server/kernels/kernels_inl.h"

namespace chorus::runner {

constinit const KernelTable kNeonKernels = MakeKernelTable("neon");

}  // namespace chorus::runner
#endif
