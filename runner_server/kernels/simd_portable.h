#pragma once

// Sixteen fp32 lanes on whatever 16-byte vectors the compiler makes; see simd_avx512.h. Fma rounds
// twice here, since a fused one without hardware is slow: results differ from the other sets' by
// rounding, and are as reproducible.

#include <cstdint>

#define CHORUS_SIMD_INLINE inline __attribute__((always_inline))

namespace chorus {
namespace {

#define CHORUS_SIMD_FEW_REGISTERS 1
constexpr int kGemmTileRows = 2;
constexpr int kGemmTileVectors = 1;
constexpr int kAttentionTileQueries = 1;
constexpr int kAttentionTileVectors = 2;

typedef float Float4 __attribute__((vector_size(16)));
typedef int32_t Int4 __attribute__((vector_size(16)));

struct Vec {
  Float4 v[4];
};

// Applies `f` to each quarter.
template <typename F>
CHORUS_SIMD_INLINE Vec Map(F f) {
  return {f(0), f(1), f(2), f(3)};
}
CHORUS_SIMD_INLINE Float4 Blend(Int4 mask, Float4 a, Float4 b) { return mask ? a : b; }

CHORUS_SIMD_INLINE Vec Load(const float* p) {
  Vec a;
  __builtin_memcpy(&a, p, sizeof(a));
  return a;
}
CHORUS_SIMD_INLINE void Store(float* p, Vec a) { __builtin_memcpy(p, &a, sizeof(a)); }
CHORUS_SIMD_INLINE Vec Set1(float x) {
  const Float4 v = {x, x, x, x};
  return {v, v, v, v};
}
CHORUS_SIMD_INLINE Vec Add(Vec a, Vec b) {
  return Map([&](int i) { return a.v[i] + b.v[i]; });
}
CHORUS_SIMD_INLINE Vec Sub(Vec a, Vec b) {
  return Map([&](int i) { return a.v[i] - b.v[i]; });
}
CHORUS_SIMD_INLINE Vec Mul(Vec a, Vec b) {
  return Map([&](int i) { return a.v[i] * b.v[i]; });
}
CHORUS_SIMD_INLINE Vec Div(Vec a, Vec b) {
  return Map([&](int i) { return a.v[i] / b.v[i]; });
}
CHORUS_SIMD_INLINE Vec Min(Vec a, Vec b) {
  return Map([&](int i) { return Blend(a.v[i] < b.v[i], a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE Vec Max(Vec a, Vec b) {
  return Map([&](int i) { return Blend(a.v[i] > b.v[i], a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE Vec Fma(Vec a, Vec b, Vec c) {
  return Map([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
}

CHORUS_SIMD_INLINE Vec SelectNegative(Vec x, Vec a, Vec b) {
  return Map([&](int i) { return Blend(x.v[i] < Float4{}, a.v[i], b.v[i]); });
}

CHORUS_SIMD_INLINE Vec KeepFirst(Vec a, int count, float fill) {
  const Float4 other = {fill, fill, fill, fill};
  return Map([&](int i) {
    const Int4 index = Int4{0, 1, 2, 3} + 4 * i;
    return Blend(index < Int4{count, count, count, count}, a.v[i], other);
  });
}

CHORUS_SIMD_INLINE Vec Pow2FromShifted(Vec t) {
  typedef uint32_t Uint4 __attribute__((vector_size(16)));
  return Map([&](int i) { return (Float4)(((Uint4)t.v[i] << 23) + 0x3F800000u); });
}

}  // namespace
}  // namespace chorus

#include "runner_server/kernels/simd_common_inl.h"
