// The kernels for x86-64 with AVX-512, VNNI, BF16 and AMX for tiles of bf16 and int8. See
// simd_avx512.h for what may be included here.
#include "runner_server/kernels/kernel_table.h"

#if defined(__x86_64__)
#include "runner_server/kernels/simd_avx512.h"
// After the vectors they are written with.
#include "runner_server/kernels/gemm_amx_inl.h"
#include "runner_server/kernels/kernels_inl.h"

namespace chorus::runner {
namespace {

constexpr KernelTable MakeAmxKernelTable() {
  KernelTable table = MakeKernelTable("avx512_amx");
  table.gemm[static_cast<int>(Precision::kBfloat16)] = AmxGemm<Precision::kBfloat16>;
  table.gemm[static_cast<int>(Precision::kInt8)] = AmxGemm<Precision::kInt8>;
  return table;
}

}  // namespace

constinit const KernelTable kAvx512AmxKernels = MakeAmxKernelTable();

}  // namespace chorus::runner
#endif
