// The kernels for x86-64 with AVX-512F. See simd_avx512.h for what may be included here.
#include "runner_server/kernels/kernel_table.h"

#if defined(__x86_64__)
#include "runner_server/kernels/simd_avx512.h"
// After the vectors they are written with.
#include "runner_server/kernels/activation_inl.h"
#include "runner_server/kernels/attention_inl.h"
#include "runner_server/kernels/gemm_inl.h"
#include "runner_server/kernels/layer_norm_inl.h"

namespace chorus {

constinit const KernelTable kAvx512Kernels = {"avx512", Gemm, LayerNorm, Attention, Activate};

}  // namespace chorus
#endif
