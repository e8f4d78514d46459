// The kernels for x86-64 with AVX2, FMA and AVX-VNNI. See simd_avx512.h for what may be included
// here.
#include "runner_server/kernels/kernel_table.h"

#if defined(__x86_64__)
#include "runner_server/kernels/simd_avx2.h"
// After the vectors they are written with.
#include "runner_server/kernels/kernels_inl.h"

namespace chorus::runner {

constinit const KernelTable kAvx2VnniKernels = MakeKernelTable("avx2_vnni");

}  // namespace chorus::runner
#endif
