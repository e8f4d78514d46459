#pragma once

// Sixteen fp32 lanes, AVX2 and FMA; see simd_avx512.h.

#include <immintrin.h>

#include <cstdint>

#define CHORUS_SIMD_INLINE inline __attribute__((always_inline))

namespace chorus {
namespace {

constexpr int kGemmTileRows = 6;
constexpr int kGemmTileVectors = 1;
constexpr int kAttentionTileQueries = 2;
constexpr int kAttentionTileVectors = 2;

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

}  // namespace
}  // namespace chorus

#include "runner_server/kernels/simd_common_inl.h"
