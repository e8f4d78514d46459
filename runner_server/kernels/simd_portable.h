#pragma once

// Sixteen fp32 lanes on whatever 16-byte vectors the compiler makes; see simd_avx512.h. Fma rounds
// twice here, since a fused one without hardware is slow: results differ from the other sets' by
// rounding, and are as reproducible.

#include <cstdint>

#include "runner_server/kernels/precision.h"

#define CHORUS_SIMD_INLINE inline __attribute__((always_inline))

namespace chorus::runner {
namespace {

constexpr int kGemmTileRows = 2;
constexpr int GemmTileVectors(int /*rows*/) { return 1; }
constexpr int kExpandAboveRows = 8;
constexpr bool kMultipliesBfloat16 = false;
constexpr Precision kAutoPrecision = Precision::kFloat32;
constexpr bool kSaturatesPairs = false;
constexpr int kAttentionTileQueries = 1;
constexpr int AttentionTileVectors(int /*queries*/) { return 2; }

typedef float Float4 __attribute__((vector_size(16)));
typedef int32_t Int4 __attribute__((vector_size(16)));
typedef uint32_t Uint4 __attribute__((vector_size(16)));

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
  return Map([&](int i) { return (Float4)(((Uint4)t.v[i] << 23) + 0x3F800000u); });
}

struct IntVec {
  Int4 v[4];
};

template <typename F>
CHORUS_SIMD_INLINE IntVec MapInts(F f) {
  return {f(0), f(1), f(2), f(3)};
}

CHORUS_SIMD_INLINE IntVec LoadInts(const void* p) {
  IntVec a;
  __builtin_memcpy(&a, p, sizeof(a));
  return a;
}
CHORUS_SIMD_INLINE void StoreInts(void* p, IntVec a) { __builtin_memcpy(p, &a, sizeof(a)); }
CHORUS_SIMD_INLINE IntVec SetInts(int32_t x) {
  const Int4 v = {x, x, x, x};
  return {v, v, v, v};
}
CHORUS_SIMD_INLINE IntVec AddInts(IntVec a, IntVec b) {
  return MapInts([&](int i) { return a.v[i] + b.v[i]; });
}
CHORUS_SIMD_INLINE IntVec SubInts(IntVec a, IntVec b) {
  return MapInts([&](int i) { return a.v[i] - b.v[i]; });
}
CHORUS_SIMD_INLINE IntVec MulInts(IntVec a, IntVec b) {
  return MapInts([&](int i) { return a.v[i] * b.v[i]; });
}
CHORUS_SIMD_INLINE Vec ToFloats(IntVec a) {
  return Map([&](int i) { return __builtin_convertvector(a.v[i], Float4); });
}
// Right for |a| < 2^22, which the kernels keep to: adding 1.5 * 2^23 rounds to an integer.
CHORUS_SIMD_INLINE IntVec RoundToInts(Vec a) {
  const Float4 shift = {12582912.0f, 12582912.0f, 12582912.0f, 12582912.0f};
  return MapInts([&](int i) { return (Int4)(a.v[i] + shift) - 0x4B400000; });
}

template <int kByte>
CHORUS_SIMD_INLINE Vec SignedByteToFloats(IntVec a) {
  return ToFloats(MapInts([&](int i) { return (Int4)((Uint4)a.v[i] << (24 - 8 * kByte)) >> 24; }));
}
CHORUS_SIMD_INLINE Vec FirstBfloat16(IntVec a) {
  return Map([&](int i) { return (Float4)((Uint4)a.v[i] << 16); });
}
CHORUS_SIMD_INLINE Vec SecondBfloat16(IntVec a) {
  return Map([&](int i) { return (Float4)((Uint4)a.v[i] & 0xFFFF0000u); });
}
CHORUS_SIMD_INLINE IntVec Bfloat16Lanes(Vec a) {
  return MapInts([&](int i) {
    const Uint4 bits = (Uint4)a.v[i];
    const Uint4 rounded = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
    return (Int4)(a.v[i] == a.v[i] ? rounded : (bits | 0x400000u) >> 16);
  });
}
CHORUS_SIMD_INLINE IntVec MergeHalves(IntVec low, IntVec high) {
  return MapInts([&](int i) { return (low.v[i] & 0xFFFF) | (Int4)((Uint4)high.v[i] << 16); });
}
CHORUS_SIMD_INLINE void StoreHalves(uint16_t* p, IntVec a) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<uint16_t>(a.v[i / 4][i % 4]);
}
CHORUS_SIMD_INLINE Vec DotBfloat16(IntVec a, IntVec b, Vec c) {
  return Fma(SecondBfloat16(a), SecondBfloat16(b), Fma(FirstBfloat16(a), FirstBfloat16(b), c));
}

CHORUS_SIMD_INLINE void StoreBytes(uint8_t* p, IntVec a) {
  for (int i = 0; i < 16; ++i) {
    const int32_t value = a.v[i / 4][i % 4];
    p[i] = static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
  }
}
constexpr int kByteOffset = 0;
CHORUS_SIMD_INLINE IntVec DotBytes(IntVec a, IntVec b, IntVec c) {
  const auto dot = [](Int4 x, Int4 y) {
    Int4 sum = {};
    for (int byte = 0; byte < 4; ++byte) {
      sum += (Int4)((Uint4)x >> (8 * byte) & 0xFFu) * ((Int4)((Uint4)y << (24 - 8 * byte)) >> 24);
    }
    return sum;
  };
  return MapInts([&](int i) { return c.v[i] + dot(a.v[i], b.v[i]); });
}

}  // namespace
}  // namespace chorus::runner

#include "runner_server/kernels/simd_common_inl.h"
