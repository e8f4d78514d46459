#include "runner_server/kernels/kernel_table.h"

#include <array>

namespace chorus {
namespace {

std::array<const KernelTable*, 4> FindSupported() {
  std::array<const KernelTable*, 4> supported{};
  size_t count = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) supported[count++] = &kAvx512Kernels;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    supported[count++] = &kAvx2Kernels;
  }
#endif
  supported[count] = &kPortableKernels;
  return supported;
}

}  // namespace

const KernelTable* const* SupportedKernels() {
  static const std::array<const KernelTable*, 4> supported = FindSupported();
  return supported.data();
}

const KernelTable& Kernels() { return *SupportedKernels()[0]; }

}  // namespace chorus
