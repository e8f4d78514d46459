#include "runner_server/kernels/kernel_table.h"

#include <array>

namespace chorus {
namespace {

using Supported = std::array<const KernelTable*, 6>;  // The last is null.

Supported FindSupported() {
  Supported supported{};
  size_t count = 0;
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  if (vnni && __builtin_cpu_supports("avx512bf16")) supported[count++] = &kAvx512Bf16Kernels;
  if (vnni) supported[count++] = &kAvx512VnniKernels;
  if (avx512) supported[count++] = &kAvx512Kernels;
  if (avx2) supported[count++] = &kAvx2Kernels;
#endif
  supported[count] = &kPortableKernels;
  return supported;
}

}  // namespace

const KernelTable* const* SupportedKernels() {
  static const Supported supported = FindSupported();
  return supported.data();
}

const KernelTable& Kernels() { return *SupportedKernels()[0]; }

}  // namespace chorus
