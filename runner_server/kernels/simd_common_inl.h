#pragma once

// What is the same over every Vec. Included at the end of simd_*.h only.

namespace chorus::runner {
namespace {

constexpr int kLanes = 16;

CHORUS_SIMD_INLINE int MinInt(int a, int b) { return a < b ? a : b; }

// The 32 bits at p in every lane.
CHORUS_SIMD_INLINE IntVec BroadcastLane(const void* p) {
  int32_t lane;
  __builtin_memcpy(&lane, p, sizeof(lane));
  return SetInts(lane);
}

// Lanes past `count` (1 to 16) are 0, and not read.
CHORUS_SIMD_INLINE Vec LoadFirst(const float* p, int count) {
  if (count >= kLanes) return Load(p);
  float lanes[kLanes] = {};
  for (int i = 0; i < count; ++i) lanes[i] = p[i];
  return Load(lanes);
}

CHORUS_SIMD_INLINE IntVec LoadIntsFirst(const char* p, int count) {
  if (count >= kLanes) return LoadInts(p);
  int32_t lanes[kLanes] = {};
  for (int i = 0; i < count; ++i) __builtin_memcpy(&lanes[i], p + ptrdiff_t{4} * i, 4);
  return LoadInts(lanes);
}

// Lanes past `count` (1 to 16) are not written.
CHORUS_SIMD_INLINE void StoreFirst(float* p, Vec a, int count) {
  if (count >= kLanes) return Store(p, a);
  float lanes[kLanes];
  Store(lanes, a);
  for (int i = 0; i < count; ++i) p[i] = lanes[i];
}

// As StoreFirst, of StoreBytes.
CHORUS_SIMD_INLINE void StoreBytesFirst(uint8_t* p, IntVec a, int count) {
  if (count >= kLanes) return StoreBytes(p, a);
  uint8_t lanes[kLanes];
  StoreBytes(lanes, a);
  for (int i = 0; i < count; ++i) p[i] = lanes[i];
}

// Always the same tree, so that the sum is reproducible.
CHORUS_SIMD_INLINE float ReduceAdd(Vec a) {
  float lanes[kLanes];
  Store(lanes, a);
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

CHORUS_SIMD_INLINE float ReduceMax(Vec a) {
  float lanes[kLanes];
  Store(lanes, a);
  float max = lanes[0];
  for (int i = 1; i < kLanes; ++i) max = lanes[i] > max ? lanes[i] : max;
  return max;
}

// e^x to 2 units in the last place for x in [-87, 88]; outside, as at the nearer end. Of NaN, NaN:
// Min and Max give their second operand where one is not a number.
// x = n ln 2 + r with |r| <= ln(2)/2; Taylor's series of e^r to r^7 leaves less than 6e-9.
CHORUS_SIMD_INLINE Vec Exp(Vec x) {
  x = Min(Set1(88.0f), Max(Set1(-87.0f), x));
  const Vec shift = Set1(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer.
  const Vec shifted = Fma(x, Set1(1.44269504f), shift);
  const Vec n = Sub(shifted, shift);
  // ln 2 in two parts; the first has 14 bits, so that n times it is exact.
  const Vec r = Fma(n, Set1(2.90889711e-5f), Fma(n, Set1(-0.69317626953125f), x));
  Vec y = Set1(1.0f / 5040);
  y = Fma(y, r, Set1(1.0f / 720));
  y = Fma(y, r, Set1(1.0f / 120));
  y = Fma(y, r, Set1(1.0f / 24));
  y = Fma(y, r, Set1(1.0f / 6));
  y = Fma(y, r, Set1(0.5f));
  y = Fma(y, r, Set1(1.0f));
  y = Fma(y, r, Set1(1.0f));
  return Mul(y, Pow2FromShifted(shifted));
}

}  // namespace
}  // namespace chorus::runner
