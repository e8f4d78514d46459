#include "runner_server/kernels/kernel_table.h"

#include <array>

#include "runner_server/kernels/kernel_check.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace chorus::runner {
namespace {

struct Found {
  std::array<const KernelTable*, 8> supported{};  // The last is null.
  const char* refused = nullptr;
  size_t count = 0;

  void Add(const KernelTable& kernels) { supported[count++] = &kernels; }
  // For what was tested on an emulated CPU alone. `refusal` is said if the products are wrong.
  void AddIfRight(const KernelTable& trusted, const KernelTable& kernels, const char* refusal) {
    if (MultipliesAs(trusted, kernels)) return Add(kernels);
    if (refused == nullptr) refused = refusal;
  }
};

#if defined(__x86_64__)
// AMX-TILE, AMX-INT8 and AMX-BF16, whether or not the system lets them be used.
bool CpuHasAmx() {
  constexpr unsigned kBfloat16 = 1u << 22, kTile = 1u << 24, kInt8 = 1u << 25;
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kBfloat16) != 0 && (d & kTile) != 0 &&
         (d & kInt8) != 0;
}

// VPDPBUSD on 256 bits for CPUs without AVX-512.
bool CpuHasAvxVnni() {
  constexpr unsigned kAvxVnni = 1u << 4;
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kAvxVnni) != 0;
}

// Linux lends the registers of AMX's tiles only to a process that has asked, for all its threads.
bool RequestTileRegisters() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

Found FindSupported() {
  Found found;
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  const bool bf16 = vnni && __builtin_cpu_supports("avx512bf16");
  if (bf16 && CpuHasAmx()) {
    if (!RequestTileRegisters()) {
      found.refused = "avx512_amx: the system does not give the registers";
    } else {
      found.AddIfRight(kAvx512Bf16Kernels, kAvx512AmxKernels, "avx512_amx: wrong products");
    }
  }
  if (bf16) found.Add(kAvx512Bf16Kernels);
  if (vnni) found.Add(kAvx512VnniKernels);
  if (avx512) found.Add(kAvx512Kernels);
  if (avx2 && CpuHasAvxVnni()) found.Add(kAvx2VnniKernels);
  if (avx2) found.Add(kAvx2Kernels);
#elif defined(__aarch64__)
  const bool dotprod = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  const unsigned long bf16 = HWCAP2_BF16 | HWCAP2_I8MM;
  if (dotprod && (getauxval(AT_HWCAP2) & bf16) == bf16) {
    found.AddIfRight(kNeonKernels, kNeonBf16Kernels, "neon_bf16: wrong products");
  }
  if (dotprod) {
    found.AddIfRight(kNeonKernels, kNeonDotprodKernels, "neon_dotprod: wrong products");
  }
  found.AddIfRight(kPortableKernels, kNeonKernels, "neon: wrong products");
#endif
  found.Add(kPortableKernels);
  return found;
}

const Found& FoundOnce() {
  static const Found found = FindSupported();
  return found;
}

}  // namespace

const KernelTable* const* SupportedKernels() { return FoundOnce().supported.data(); }

const char* RefusedKernels() { return FoundOnce().refused; }

const KernelTable& Kernels() { return *SupportedKernels()[0]; }

}  // namespace chorus::runner
