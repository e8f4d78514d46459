// The kernels for x86-64 with AVX-512 F, BW, DQ and VL. See simd_avx512.h for what may be included
// here.
#include "runner_server/kernels/kernel_table.h"

#if defined(__x86_64__)
#include "runner_server/kernels/simd_avx512.h"
// After the vectors they are written with.
#include "runner_server/kernels/kernels_inl.h"

namespace chorus::runner {

constinit const KernelTable kAvx512Kernels = MakeKernelTable("avx512");

}  // namespace chorus::runner
#endif
