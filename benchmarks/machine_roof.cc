#include "benchmarks/machine_roof.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string_view>
#include <vector>

#include "runner_server/kernels/kernel_table.h"
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

// The three instructions that make 32 exact products of 8 bits: each of the first two must do
// something, so the compiler must not see through them.
#define CHORUS_DOT_BYTES(vector, sum, x, ones)                                     \
  do {                                                                             \
    vector product;                                                                \
    asm volatile("vpmaddubsw %1, %1, %0" : "=x"(product) : "x"(x));                \
    asm volatile("vpmaddwd %1, %2, %0" : "=x"(product) : "x"(ones), "x"(product)); \
    asm volatile("vpaddd %1, %2, %0" : "=x"(sum) : "x"(product), "x"(sum));        \
  } while (false)

CHORUS_TARGET("avx2") int Int8Avx2(int64_t count) {
  __m256i sums[kChains - 4] = {};
  const __m256i x = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
  for (auto& sum : sums) Use(sum);
  for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) CHORUS_DOT_BYTES(__m256i, sum, x, ones);
  }
  for (auto& sum : sums) Use(sum);
  return 64 * (kChains - 4) / kChains;
}

CHORUS_TARGET("avx512f,avx512bw") int Int8Avx512Bw(int64_t count) {
  __m512i sums[kChains] = {};
  const __m512i x = _mm512_set1_epi8(1), ones = _mm512_set1_epi16(1);
  for (auto& sum : sums) Use(sum);
  for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) CHORUS_DOT_BYTES(__m512i, sum, x, ones);
  }
  for (auto& sum : sums) Use(sum);
  return 128;
}

CHORUS_TARGET("avx2,avxvnni") int Int8AvxVnni(int64_t count) {
  __m256i sums[kChains - 4] = {};
  const __m256i x = _mm256_set1_epi32(0x01010101);
  for (auto& sum : sums) Use(sum);
  for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm256_dpbusd_avx_epi32(sum, x, x);
  }
  for (auto& sum : sums) Use(sum);
  return 64 * (kChains - 4) / kChains;
}

// The loop for the precision, by the instructions that its kernels use.
PeakLoop ChooseLoop(Precision precision) {
  const std::string_view kernels = Kernels().name;
  const bool avx512 = kernels.starts_with("avx512");
  if (precision == Precision::kInt8) {
    if (kernels == "avx512") return Int8Avx512Bw;
    if (avx512) return Int8Avx512;
    return kernels == "avx2_vnni" ? Int8AvxVnni : Int8Avx2;
  }
  if (precision == Precision::kBfloat16 && __builtin_cpu_supports("avx512bf16")) {
    return Bfloat16Avx512;
  }
  return avx512 ? Float32Avx512 : Float32Avx2;
}

// Reads `size` bytes, a multiple of 256, once; `fetch`: asking for them ahead.
void ReadAll(const char* p, size_t size, bool fetch) {
  __m128 sums[16] = {};
  for (size_t i = 0; i < size; i += 256) {
    for (int line = 0; fetch && line < 4; ++line) __builtin_prefetch(p + i + 4096 + 64 * line);
#pragma GCC unroll 16
    for (int j = 0; j < 16; ++j) {
      sums[j] = _mm_xor_ps(sums[j], _mm_load_ps(reinterpret_cast<const float*>(p + i) + 4 * j));
    }
  }
  for (auto& sum : sums) Use(sum);
}

}  // namespace

double ReadBandwidth(ThreadPool& pool) {
  constexpr size_t kBytes = size_t{512} << 20;
  const MemoryRegion region =
      MemoryRegion::Create(kBytes, MemoryRegion::Paging::kHuge, "the read").value();
  std::fill_n(region.data(), kBytes, 1);
  double best = 0;
  for (int run = 0; run < 8; ++run) {
    const auto start = Clock::now();
    pool.Run(pool.num_threads(), [&](int, int begin, int end) {
      const size_t share = kBytes / pool.num_threads();
      for (int part = begin; part < end; ++part) {
        ReadAll(region.data() + part * share, share, /*fetch=*/run % 2 == 0);
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
