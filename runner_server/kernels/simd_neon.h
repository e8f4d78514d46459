#pragma once

// Sixteen fp32 lanes, or as many 32-bit groups of narrower elements, in four registers of Arm's
// Advanced SIMD; with dot products of bytes and of bf16 where the file that includes this is
// compiled for them. See simd_avx512.h.

#include <arm_neon.h>

#include <cstdint>

#include "runner_server/kernels/precision.h"

#define CHORUS_SIMD_INLINE inline __attribute__((always_inline))

namespace chorus::runner {
namespace {

// 16 of the 32 registers hold sums; of 24, gcc 12 keeps some in memory. All of these are estimated,
// not measured.
constexpr int kGemmTileRows = 4;
constexpr int GemmTileVectors(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
constexpr int kExpandAboveRows = 8;
#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
constexpr bool kMultipliesBfloat16 = true;
constexpr Precision kAutoPrecision = Precision::kBfloat16;
#else
constexpr bool kMultipliesBfloat16 = false;
constexpr Precision kAutoPrecision = Precision::kFloat32;
#endif
constexpr bool kSaturatesPairs = false;
constexpr int kAttentionTileQueries = 4;
constexpr int AttentionTileVectors(int queries) { return queries == 1 ? 4 : 1; }

struct Vec {
  float32x4_t v[4];
};

// Applies `f` to each quarter.
template <typename F>
CHORUS_SIMD_INLINE Vec Map(F f) {
  return {f(0), f(1), f(2), f(3)};
}

CHORUS_SIMD_INLINE Vec Load(const float* p) {
  return Map([&](int i) { return vld1q_f32(p + 4 * i); });
}
CHORUS_SIMD_INLINE void Store(float* p, Vec a) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]);
}
CHORUS_SIMD_INLINE Vec Set1(float x) {
  return Map([&](int) { return vdupq_n_f32(x); });
}
CHORUS_SIMD_INLINE Vec Add(Vec a, Vec b) {
  return Map([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE Vec Sub(Vec a, Vec b) {
  return Map([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE Vec Mul(Vec a, Vec b) {
  return Map([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE Vec Div(Vec a, Vec b) {
  return Map([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
}
// NaN where either is; x86's give the second operand, and the kernels rely on no more than that.
CHORUS_SIMD_INLINE Vec Min(Vec a, Vec b) {
  return Map([&](int i) { return vminq_f32(a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE Vec Max(Vec a, Vec b) {
  return Map([&](int i) { return vmaxq_f32(a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE Vec Fma(Vec a, Vec b, Vec c) {
  return Map([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
}

CHORUS_SIMD_INLINE Vec SelectNegative(Vec x, Vec a, Vec b) {
  return Map([&](int i) { return vbslq_f32(vcltzq_f32(x.v[i]), a.v[i], b.v[i]); });
}

CHORUS_SIMD_INLINE Vec KeepFirst(Vec a, int count, float fill) {
  const int32_t first[4] = {0, 1, 2, 3};
  const int32x4_t index = vld1q_s32(first);
  return Map([&](int i) {
    return vbslq_f32(vcltq_s32(index, vdupq_n_s32(count - 4 * i)), a.v[i], vdupq_n_f32(fill));
  });
}

CHORUS_SIMD_INLINE Vec Pow2FromShifted(Vec t) {
  return Map([&](int i) {
    const int32x4_t exponent = vshlq_n_s32(vreinterpretq_s32_f32(t.v[i]), 23);
    return vreinterpretq_f32_s32(vaddq_s32(exponent, vdupq_n_s32(0x3F800000)));
  });
}

struct IntVec {
  int32x4_t v[4];
};

template <typename F>
CHORUS_SIMD_INLINE IntVec MapInts(F f) {
  return {f(0), f(1), f(2), f(3)};
}

CHORUS_SIMD_INLINE IntVec LoadInts(const void* p) {
  return MapInts([&](int i) {
    return vreinterpretq_s32_u8(vld1q_u8(static_cast<const uint8_t*>(p) + 16 * i));
  });
}
CHORUS_SIMD_INLINE void StoreInts(void* p, IntVec a) {
  for (int i = 0; i < 4; ++i) {
    vst1q_u8(static_cast<uint8_t*>(p) + 16 * i, vreinterpretq_u8_s32(a.v[i]));
  }
}
CHORUS_SIMD_INLINE IntVec SetInts(int32_t x) {
  return MapInts([&](int) { return vdupq_n_s32(x); });
}
CHORUS_SIMD_INLINE IntVec AddInts(IntVec a, IntVec b) {
  return MapInts([&](int i) { return vaddq_s32(a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE IntVec SubInts(IntVec a, IntVec b) {
  return MapInts([&](int i) { return vsubq_s32(a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE IntVec MulInts(IntVec a, IntVec b) {
  return MapInts([&](int i) { return vmulq_s32(a.v[i], b.v[i]); });
}
CHORUS_SIMD_INLINE Vec ToFloats(IntVec a) {
  return Map([&](int i) { return vcvtq_f32_s32(a.v[i]); });
}
CHORUS_SIMD_INLINE IntVec RoundToInts(Vec a) {
  return MapInts([&](int i) { return vcvtnq_s32_f32(a.v[i]); });
}

template <int kByte>
CHORUS_SIMD_INLINE Vec SignedByteToFloats(IntVec a) {
  return ToFloats(
      MapInts([&](int i) { return vshrq_n_s32(vshlq_n_s32(a.v[i], 24 - 8 * kByte), 24); }));
}
CHORUS_SIMD_INLINE Vec FirstBfloat16(IntVec a) {
  return Map([&](int i) { return vreinterpretq_f32_s32(vshlq_n_s32(a.v[i], 16)); });
}
CHORUS_SIMD_INLINE Vec SecondBfloat16(IntVec a) {
  return Map([&](int i) { return vreinterpretq_f32_s32(vandq_s32(a.v[i], vdupq_n_s32(-65536))); });
}
CHORUS_SIMD_INLINE IntVec MergeHalves(IntVec low, IntVec high) {
  return MapInts([&](int i) { return vsliq_n_s32(low.v[i], high.v[i], 16); });
}
CHORUS_SIMD_INLINE void StoreHalves(uint16_t* p, IntVec a) {
  for (int i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vmovn_u32(vreinterpretq_u32_s32(a.v[i])));
}
CHORUS_SIMD_INLINE void StoreBytes(uint8_t* p, IntVec a) {
  for (int i = 0; i < 4; i += 2) {
    const uint16x8_t halves = vcombine_u16(vqmovun_s32(a.v[i]), vqmovun_s32(a.v[i + 1]));
    vst1_u8(p + 4 * i, vqmovn_u16(halves));
  }
}

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
CHORUS_SIMD_INLINE IntVec Bfloat16Lanes(Vec a) {
  return MapInts([&](int i) {
    const uint16x4_t narrow = vreinterpret_u16_bf16(vcvt_bf16_f32(a.v[i]));
    return vreinterpretq_s32_u32(vmovl_u16(narrow));
  });
}
// BFDOT adds both products up, and that to c: rounded to odd each time, subnormal numbers zero.
CHORUS_SIMD_INLINE Vec DotBfloat16(IntVec a, IntVec b, Vec c) {
  return Map([&](int i) {
    return vbfdotq_f32(c.v[i], vreinterpretq_bf16_s32(a.v[i]), vreinterpretq_bf16_s32(b.v[i]));
  });
}
#else
CHORUS_SIMD_INLINE IntVec Bfloat16Lanes(Vec a) {
  return MapInts([&](int i) {
    const uint32x4_t bits = vreinterpretq_u32_f32(a.v[i]);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7FFF)));
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    const uint32x4_t is_number = vceqq_f32(a.v[i], a.v[i]);
    return vreinterpretq_s32_u32(vshrq_n_u32(vbslq_u32(is_number, rounded, quiet), 16));
  });
}
CHORUS_SIMD_INLINE Vec DotBfloat16(IntVec a, IntVec b, Vec c) {
  return Fma(SecondBfloat16(a), SecondBfloat16(b), Fma(FirstBfloat16(a), FirstBfloat16(b), c));
}
#endif

#if defined(__ARM_FEATURE_MATMUL_INT8)
constexpr int kByteOffset = 0;
CHORUS_SIMD_INLINE int32x4_t DotQuarters(int32x4_t a, int32x4_t b, int32x4_t c) {
  return vusdotq_s32(c, vreinterpretq_u8_s32(a), vreinterpretq_s8_s32(b));
}
#else
// What there is multiplies signed bytes by signed ones, or unsigned by unsigned.
constexpr int kByteOffset = 128;
CHORUS_SIMD_INLINE int32x4_t DotQuarters(int32x4_t a, int32x4_t b, int32x4_t c) {
  const int8x16_t less = vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_s32(a), vdupq_n_u8(128)));
  const int8x16_t columns = vreinterpretq_s8_s32(b);
#if defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(c, less, columns);
#else
  // Two products of at most 128 * 127 fit into 16 bits.
  const int16x8_t low = vmull_s8(vget_low_s8(less), vget_low_s8(columns));
  const int16x8_t high = vmull_high_s8(less, columns);
  return vpadalq_s16(c, vpaddq_s16(low, high));
#endif
}
#endif
CHORUS_SIMD_INLINE IntVec DotBytes(IntVec a, IntVec b, IntVec c) {
  return MapInts([&](int i) { return DotQuarters(a.v[i], b.v[i], c.v[i]); });
}

}  // namespace
}  // namespace chorus::runner

#include "runner_server/kernels/simd_common_inl.h"
