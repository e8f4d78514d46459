#pragma once

// Sixteen fp32 lanes, AVX2 and FMA; see simd_avx512.h.

#include <immintrin.h>

#include <cstdint>

#include "runner_server/kernels/precision.h"

#define CHORUS_SIMD_INLINE inline __attribute__((always_inline))

namespace chorus::runner {
namespace {

constexpr int kGemmTileRows = 6;
// Of columns. A row alone takes a panel as it lies in memory; six rows by one vector fill the
// registers.
constexpr int GemmTileVectors(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
constexpr bool kMultipliesBfloat16 = false;
constexpr Precision kAutoPrecision = Precision::kBfloat16;  // Half to read, as fast to multiply.
constexpr int kExpandAboveRows = 8;
#if defined(__AVXVNNI__)
constexpr bool kSaturatesPairs = false;
#else
constexpr bool kSaturatesPairs = true;
#endif
constexpr int kAttentionTileQueries = 4;
constexpr int AttentionTileVectors(int queries) { return queries == 1 ? 4 : 1; }

struct Vec {
  __m256 lo, hi;
};

CHORUS_SIMD_INLINE Vec Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
CHORUS_SIMD_INLINE void Store(float* p, Vec a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
CHORUS_SIMD_INLINE Vec Set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
CHORUS_SIMD_INLINE Vec Add(Vec a, Vec b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
CHORUS_SIMD_INLINE Vec Sub(Vec a, Vec b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
CHORUS_SIMD_INLINE Vec Mul(Vec a, Vec b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
CHORUS_SIMD_INLINE Vec Div(Vec a, Vec b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
CHORUS_SIMD_INLINE Vec Min(Vec a, Vec b) {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
CHORUS_SIMD_INLINE Vec Max(Vec a, Vec b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
CHORUS_SIMD_INLINE Vec Fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

CHORUS_SIMD_INLINE __m256 BlendNegative(__m256 x, __m256 a, __m256 b) {
  return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ));
}
CHORUS_SIMD_INLINE Vec SelectNegative(Vec x, Vec a, Vec b) {
  return {BlendNegative(x.lo, a.lo, b.lo), BlendNegative(x.hi, a.hi, b.hi)};
}

CHORUS_SIMD_INLINE Vec KeepFirst(Vec a, int count, float fill) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i lo = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), index);
  const __m256i hi = _mm256_cmpgt_epi32(_mm256_set1_epi32(count - 8), index);
  const __m256 other = _mm256_set1_ps(fill);
  return {_mm256_blendv_ps(other, a.lo, _mm256_castsi256_ps(lo)),
          _mm256_blendv_ps(other, a.hi, _mm256_castsi256_ps(hi))};
}

CHORUS_SIMD_INLINE __m256 Pow2FromShiftedHalf(__m256 t) {
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(0x3F800000)));
}
CHORUS_SIMD_INLINE Vec Pow2FromShifted(Vec t) {
  return {Pow2FromShiftedHalf(t.lo), Pow2FromShiftedHalf(t.hi)};
}

struct IntVec {
  __m256i lo, hi;
};

CHORUS_SIMD_INLINE __m256i LoadHalf(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
CHORUS_SIMD_INLINE IntVec LoadInts(const void* p) {
  return {LoadHalf(p), LoadHalf(static_cast<const char*>(p) + 32)};
}
CHORUS_SIMD_INLINE void StoreInts(void* p, IntVec a) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), a.lo);
  _mm256_storeu_si256(static_cast<__m256i*>(p) + 1, a.hi);
}
CHORUS_SIMD_INLINE IntVec SetInts(int32_t x) {
  return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
CHORUS_SIMD_INLINE IntVec AddInts(IntVec a, IntVec b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
CHORUS_SIMD_INLINE IntVec SubInts(IntVec a, IntVec b) {
  return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}
CHORUS_SIMD_INLINE IntVec MulInts(IntVec a, IntVec b) {
  return {_mm256_mullo_epi32(a.lo, b.lo), _mm256_mullo_epi32(a.hi, b.hi)};
}
CHORUS_SIMD_INLINE Vec ToFloats(IntVec a) {
  return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)};
}
CHORUS_SIMD_INLINE IntVec RoundToInts(Vec a) {
  return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)};
}

template <int kByte>
CHORUS_SIMD_INLINE Vec SignedByteToFloats(IntVec a) {
  return ToFloats({_mm256_srai_epi32(_mm256_slli_epi32(a.lo, 24 - 8 * kByte), 24),
                   _mm256_srai_epi32(_mm256_slli_epi32(a.hi, 24 - 8 * kByte), 24)});
}
CHORUS_SIMD_INLINE Vec FirstBfloat16(IntVec a) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(a.lo, 16)),
          _mm256_castsi256_ps(_mm256_slli_epi32(a.hi, 16))};
}
CHORUS_SIMD_INLINE Vec SecondBfloat16(IntVec a) {
  const __m256i upper = _mm256_set1_epi32(-65536);
  return {_mm256_castsi256_ps(_mm256_and_si256(a.lo, upper)),
          _mm256_castsi256_ps(_mm256_and_si256(a.hi, upper))};
}
CHORUS_SIMD_INLINE __m256i RoundHalfToBfloat16(__m256 a) {
  const __m256i bits = _mm256_castps_si256(a);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  return _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, is_nan), 16);
}
CHORUS_SIMD_INLINE IntVec Bfloat16Lanes(Vec a) {
  return {RoundHalfToBfloat16(a.lo), RoundHalfToBfloat16(a.hi)};
}
CHORUS_SIMD_INLINE __m256i MergeQuarters(__m256i low, __m256i high) {
  return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xAA);
}
CHORUS_SIMD_INLINE IntVec MergeHalves(IntVec low, IntVec high) {
  return {MergeQuarters(low.lo, high.lo), MergeQuarters(low.hi, high.hi)};
}
CHORUS_SIMD_INLINE void StoreHalves(uint16_t* p, IntVec a) {
  const __m256i packed = _mm256_packus_epi32(a.lo, a.hi);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xD8));
}
CHORUS_SIMD_INLINE Vec DotBfloat16(IntVec a, IntVec b, Vec c) {
  return Fma(SecondBfloat16(a), SecondBfloat16(b), Fma(FirstBfloat16(a), FirstBfloat16(b), c));
}

CHORUS_SIMD_INLINE void StoreBytes(uint8_t* p, IntVec a) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(a.lo, a.hi), 0xD8);
  const __m128i limit = _mm_set1_epi16(255);  // packus takes words as signed.
  const __m128i lo = _mm_min_epu16(_mm256_castsi256_si128(words), limit);
  const __m128i hi = _mm_min_epu16(_mm256_extracti128_si256(words, 1), limit);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(lo, hi));
}
constexpr int kByteOffset = 0;
CHORUS_SIMD_INLINE __m256i DotBytesHalf(__m256i a, __m256i b, __m256i c) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(c, a, b);
#else
  const __m256i pairs = _mm256_maddubs_epi16(a, b);  // Saturates, but for kSaturatesPairs.
  c = _mm256_add_epi32(c, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  __asm__("" : "+x"(c));  // The compiler may not regroup sums: that takes more registers.
  return c;
#endif
}
CHORUS_SIMD_INLINE IntVec DotBytes(IntVec a, IntVec b, IntVec c) {
  return {DotBytesHalf(a.lo, b.lo, c.lo), DotBytesHalf(a.hi, b.hi, c.hi)};
}

}  // namespace
}  // namespace chorus::runner

#include "runner_server/kernels/simd_common_inl.h"
