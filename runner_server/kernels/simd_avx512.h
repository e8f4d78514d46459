#pragma once

// Sixteen fp32 lanes, or as many 32-bit groups of narrower elements: AVX-512 (F, BW, DQ, VL), with
// VNNI and BF16 where the file that includes this is compiled for them. One of four files with the
// same content for four instruction sets; the kernels (*_inl.h) are written once over them.
//
// A file that includes this is compiled for this instruction set alone. All is in an unnamed
// namespace, and no function of the standard library may be called: the linker would be free to
// take this file's copy of a shared inline function for callers on CPUs that cannot run it.

#include <immintrin.h>

#include <cstdint>

#include "runner_server/kernels/precision.h"

#define CHORUS_SIMD_INLINE inline __attribute__((always_inline))

namespace chorus::runner {
namespace {

// Shapes of the register tiles.
constexpr int kGemmTileRows = 6;
// Of columns: a whole panel.
constexpr int GemmTileVectors(int /*rows*/) { return 4; }
constexpr int kExpandAboveRows = 6;
constexpr Precision kAutoPrecision = Precision::kBfloat16;  // Emulated, it is half to read.
#if defined(__AVX512BF16__)
constexpr bool kMultipliesBfloat16 = true;
#else
constexpr bool kMultipliesBfloat16 = false;
#endif
#if defined(__AVX512VNNI__)
constexpr bool kSaturatesPairs = false;
#else
constexpr bool kSaturatesPairs = true;
#endif
constexpr int kAttentionTileQueries = 4;  // At most kMaxQueryTile.
// Key blocks of so many queries, or vectors of a value row.
constexpr int AttentionTileVectors(int /*queries*/) { return 4; }

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

// Sixteen 32-bit lanes: an int32 each, or two bf16, or four 8-bit integers, the first lowest.
struct IntVec {
  __m512i v;
};

CHORUS_SIMD_INLINE IntVec LoadInts(const void* p) { return {_mm512_loadu_si512(p)}; }
CHORUS_SIMD_INLINE void StoreInts(void* p, IntVec a) { _mm512_storeu_si512(p, a.v); }
CHORUS_SIMD_INLINE IntVec SetInts(int32_t x) { return {_mm512_set1_epi32(x)}; }
CHORUS_SIMD_INLINE IntVec AddInts(IntVec a, IntVec b) { return {_mm512_add_epi32(a.v, b.v)}; }
CHORUS_SIMD_INLINE IntVec SubInts(IntVec a, IntVec b) { return {_mm512_sub_epi32(a.v, b.v)}; }
CHORUS_SIMD_INLINE IntVec MulInts(IntVec a, IntVec b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
CHORUS_SIMD_INLINE Vec ToFloats(IntVec a) { return {_mm512_cvtepi32_ps(a.v)}; }
// To nearest, ties to even.
CHORUS_SIMD_INLINE IntVec RoundToInts(Vec a) { return {_mm512_cvtps_epi32(a.v)}; }

// Byte kByte of each lane, signed.
template <int kByte>
CHORUS_SIMD_INLINE Vec SignedByteToFloats(IntVec a) {
  return ToFloats({_mm512_srai_epi32(_mm512_slli_epi32(a.v, 24 - 8 * kByte), 24)});
}
// The first and the second bf16 of each lane.
CHORUS_SIMD_INLINE Vec FirstBfloat16(IntVec a) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(a.v, 16))};
}
CHORUS_SIMD_INLINE Vec SecondBfloat16(IntVec a) {
  return {_mm512_castsi512_ps(_mm512_and_si512(a.v, _mm512_set1_epi32(-65536)))};
}

// The lanes' values clamped to [0, 255].
CHORUS_SIMD_INLINE void StoreBytes(uint8_t* p, IntVec a) {
  const __m512i positive = _mm512_max_epi32(a.v, _mm512_setzero_si512());
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtusepi32_epi8(positive));
}

#if defined(__AVX512BF16__)
// Each lane as a bf16 in its lower half: to nearest, ties to even.
CHORUS_SIMD_INLINE IntVec Bfloat16Lanes(Vec a) {
  return {_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a.v))};
}
// c + the products of both bf16 of each lane.
CHORUS_SIMD_INLINE Vec DotBfloat16(IntVec a, IntVec b, Vec c) {
  return {_mm512_dpbf16_ps(c.v, (__m512bh)a.v, (__m512bh)b.v)};
}
#else
CHORUS_SIMD_INLINE IntVec Bfloat16Lanes(Vec a) {
  const __m512i bits = _mm512_castps_si512(a.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  const __mmask16 is_nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  const __m512i quiet = _mm512_mask_or_epi32(rounded, is_nan, bits, _mm512_set1_epi32(0x400000));
  return {_mm512_srli_epi32(quiet, 16)};
}
CHORUS_SIMD_INLINE Vec DotBfloat16(IntVec a, IntVec b, Vec c) {
  return Fma(SecondBfloat16(a), SecondBfloat16(b), Fma(FirstBfloat16(a), FirstBfloat16(b), c));
}
#endif

// The lower halves of `low`, and those of `high` above them.
CHORUS_SIMD_INLINE IntVec MergeHalves(IntVec low, IntVec high) {
  return {_mm512_or_si512(_mm512_and_si512(low.v, _mm512_set1_epi32(0xFFFF)),
                          _mm512_slli_epi32(high.v, 16))};
}
// The lower half of each lane.
CHORUS_SIMD_INLINE void StoreHalves(uint16_t* p, IntVec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(a.v));
}

// c + the products of the four bytes of each lane, those of a unsigned and kByteOffset less, those
// of b signed and not -128. Without VNNI sums of two saturate: kSaturatesPairs.
constexpr int kByteOffset = 0;
CHORUS_SIMD_INLINE IntVec DotBytes(IntVec a, IntVec b, IntVec c) {
#if defined(__AVX512VNNI__)
  return {_mm512_dpbusd_epi32(c.v, a.v, b.v)};
#else
  const __m512i pairs = _mm512_maddubs_epi16(a.v, b.v);
  return {_mm512_add_epi32(c.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))};
#endif
}

}  // namespace
}  // namespace chorus::runner

#include "runner_server/kernels/simd_common_inl.h"
