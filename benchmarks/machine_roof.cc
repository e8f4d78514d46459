#include "benchmarks/machine_roof.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "runner_server/kernels/memory_region.h"

namespace chorus::runner {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Keeps the compiler from knowing a value, and so from dropping or merging computations.
template <typename T>
__attribute__((always_inline)) inline void Use(T& value) {
  asm volatile("" : "+x"(value));
}

#define CHORUS_TARGET(isa) __attribute__((target(isa), noinline))

constexpr int kChains = 16;  // Enough to cover the latency of any of the instructions.

// Each runs `count` rounds of kChains instructions and says how many operations an instruction is.
using PeakLoop = int (*)(int64_t count);

CHORUS_TARGET("avx512f") int Float32Avx512(int64_t count) {
  __m512 sums[kChains] = {}, x = _mm512_set1_ps(1.0f);
  for (auto& sum : sums) Use(sum);
  for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm512_fmadd_ps(x, x, sum);
  }
  for (auto& sum : sums) Use(sum);
  return 32;
}

CHORUS_TARGET("avx2,fma") int Float32Avx2(int64_t count) {
  __m256 sums[kChains - 4] = {}, x = _mm256_set1_ps(1.0f);
  for (auto& sum : sums) Use(sum);
  for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm256_fmadd_ps(x, x, sum);
  }
  for (auto& sum : sums) Use(sum);
  return 16 * (kChains - 4) / kChains;
}

CHORUS_TARGET("avx512f,avx512bf16") int Bfloat16Avx512(int64_t count) {
  __m512 sums[kChains] = {};
  for (auto& sum : sums) Use(sum);
  const __m512bh x = (__m512bh)_mm512_set1_epi32(0x3F803F80);
  for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm512_dpbf16_ps(sum, x, x);
  }
  for (auto& sum : sums) Use(sum);
  return 64;
}

CHORUS_TARGET("avx512f,avx512vnni") int Int8Avx512(int64_t count) {
  __m512i sums[kChains] = {};
  for (auto& sum : sums) Use(sum);
  const __m512i x = _mm512_set1_epi32(0x01010101);
  for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm512_dpbusd_epi32(sum, x, x);
  }
  for (auto& sum : sums) Use(sum);
  return 128;
}

// The loop for the precision, and in what precision it really multiplies.
PeakLoop ChooseLoop(Precision precision) {
  const bool avx512 = __builtin_cpu_supports("avx512f");
  if (precision == Precision::kInt8 && __builtin_cpu_supports("avx512vnni")) return Int8Avx512;
  if (precision == Precision::kBfloat16 && __builtin_cpu_supports("avx512bf16")) {
    return Bfloat16Avx512;
  }
  return avx512 ? Float32Avx512 : Float32Avx2;
}

}  // namespace

double ReadBandwidth(ThreadPool& pool) {
  constexpr size_t kBytes = size_t{512} << 20;
  const MemoryRegion region =
      MemoryRegion::Create(kBytes, MemoryRegion::Paging::kHuge, "the read").value();
  std::fill_n(region.data(), kBytes, 1);
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    const auto start = Clock::now();
    pool.Run(pool.num_threads(), [&](int, int begin, int end) {
      const size_t share = kBytes / pool.num_threads();
      for (int part = begin; part < end; ++part) {
        const char* p = region.data() + part * share;
        __m128 sums[8] = {};
        for (size_t i = 0; i + 128 <= share; i += 128) {
          for (int j = 0; j < 8; ++j) {
            sums[j] =
                _mm_xor_ps(sums[j], _mm_load_ps(reinterpret_cast<const float*>(p + i) + 4 * j));
          }
        }
        for (auto& sum : sums) Use(sum);
      }
    });
    best = std::max(best, kBytes / Seconds(Clock::now() - start));
  }
  return best;
}

double PeakOperations(Precision precision, ThreadPool& pool) {
  const PeakLoop loop = ChooseLoop(precision);
  constexpr int64_t kCount = 20'000'000;
  double best = 0;
  for (int run = 0; run < 3; ++run) {
    std::atomic<int64_t> operations = 0;
    const auto start = Clock::now();
    pool.Run(pool.num_threads(), [&](int, int begin, int end) {
      for (int part = begin; part < end; ++part) operations += loop(kCount) * kCount * kChains;
    });
    best = std::max(best, static_cast<double>(operations) / Seconds(Clock::now() - start));
  }
  return best;
}

}  // namespace chorus::runner
