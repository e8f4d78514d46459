#pragma once

// Sixteen fp32 lanes, AVX-512F. One of three files with the same content for three instruction
// sets; the kernels (*_inl.h) are written once over them.
//
// A file that includes this is compiled for this instruction set alone. All is in an unnamed
// namespace, and no function of the standard library may be called: the linker would be free to
// take this file's copy of a shared inline function for callers on CPUs that cannot run it.

#include <immintrin.h>

#include <cstdint>

#define CHORUS_SIMD_INLINE inline __attribute__((always_inline))

namespace chorus {
namespace {

// Shapes of the register tiles.
constexpr int kGemmTileRows = 6;
constexpr int kGemmTileVectors = 4;       // Of columns: a whole panel.
constexpr int kAttentionTileQueries = 4;  // At most kMaxQueryTile.
constexpr int kAttentionTileVectors = 4;  // Key blocks of one query, or vectors of a value row.

struct Vec {
  __m512 v;
};

CHORUS_SIMD_INLINE Vec Load(const float* p) { return {_mm512_loadu_ps(p)}; }
CHORUS_SIMD_INLINE void Store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
CHORUS_SIMD_INLINE Vec Set1(float x) { return {_mm512_set1_ps(x)}; }
CHORUS_SIMD_INLINE Vec Add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
CHORUS_SIMD_INLINE Vec Sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
CHORUS_SIMD_INLINE Vec Mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
CHORUS_SIMD_INLINE Vec Div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
CHORUS_SIMD_INLINE Vec Min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
CHORUS_SIMD_INLINE Vec Max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
// a * b + c.
CHORUS_SIMD_INLINE Vec Fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }

// a where x < 0, else b.
CHORUS_SIMD_INLINE Vec SelectNegative(Vec x, Vec a, Vec b) {
  const __mmask16 negative = _mm512_cmp_ps_mask(x.v, _mm512_setzero_ps(), _CMP_LT_OQ);
  return {_mm512_mask_blend_ps(negative, b.v, a.v)};
}

// The first `count` lanes of a, the others `fill`.
CHORUS_SIMD_INLINE Vec KeepFirst(Vec a, int count, float fill) {
  const __mmask16 kept = static_cast<__mmask16>((1u << count) - 1);
  return {_mm512_mask_blend_ps(kept, _mm512_set1_ps(fill), a.v)};
}

// 2^n where t = n + 1.5 * 2^23, n an integer in [-126, 127].
CHORUS_SIMD_INLINE Vec Pow2FromShifted(Vec t) {
  const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(t.v), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_set1_epi32(0x3F800000)))};
}

}  // namespace
}  // namespace chorus

#include "runner_server/kernels/simd_common_inl.h"
