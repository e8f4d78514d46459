#pragma once

// How lanes of 32 bits multiply: an fp32 each, two bf16, or four 8-bit integers. What the products
// of a row's lane and sixteen columns' lanes add up to is the one thing GEMM and attention do in
// every precision.
//
//   Lanes         sixteen lanes; Load reads them, Broadcast repeats the one at p
//   Sum           sixteen sums
//   MultiplyAdd   c + the products of all elements of each lane

namespace chorus::runner {
namespace {

struct Float32Arithmetic {
  using Lanes = Vec;
  using Sum = Vec;
  static constexpr int kPerLane = 1;

  static CHORUS_SIMD_INLINE Lanes LoadLanes(const void* p) {
    return Load(static_cast<const float*>(p));
  }
  static CHORUS_SIMD_INLINE Lanes Broadcast(const void* p) {
    return Set1(*static_cast<const float*>(p));
  }
  static CHORUS_SIMD_INLINE Sum MultiplyAdd(Lanes a, Lanes b, Sum c) { return Fma(a, b, c); }
};

struct Bfloat16Arithmetic {
  using Lanes = IntVec;
  using Sum = Vec;
  static constexpr int kPerLane = 2;

  static CHORUS_SIMD_INLINE Lanes LoadLanes(const void* p) { return LoadInts(p); }
  static CHORUS_SIMD_INLINE Lanes Broadcast(const void* p) { return BroadcastLane(p); }
  static CHORUS_SIMD_INLINE Sum MultiplyAdd(Lanes a, Lanes b, Sum c) {
    return DotBfloat16(a, b, c);
  }
};

// Those of a unsigned, those of b signed.
struct Int8Arithmetic {
  using Lanes = IntVec;
  using Sum = IntVec;
  static constexpr int kPerLane = 4;

  static CHORUS_SIMD_INLINE Lanes LoadLanes(const void* p) { return LoadInts(p); }
  static CHORUS_SIMD_INLINE Lanes Broadcast(const void* p) { return BroadcastLane(p); }
  static CHORUS_SIMD_INLINE Sum MultiplyAdd(Lanes a, Lanes b, Sum c) { return DotBytes(a, b, c); }
};

// sums[r][v] += the lane at a + r * a_stride bytes times columns[v].
template <typename L, int kRows, int kVectors>
CHORUS_SIMD_INLINE void AddProducts(const char* a, ptrdiff_t a_stride,
                                    const typename L::Lanes (&columns)[kVectors],
                                    typename L::Sum (*sums)[kVectors]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const typename L::Lanes x = L::Broadcast(a + r * a_stride);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[r][v] = L::MultiplyAdd(x, columns[v], sums[r][v]);
  }
}

// The same with columns of kVectors vectors in memory, `stride` bytes apart.
template <typename L, int kRows, int kVectors>
CHORUS_SIMD_INLINE void AddProducts(const char* a, ptrdiff_t a_stride, const char* columns,
                                    ptrdiff_t stride, typename L::Sum (*sums)[kVectors]) {
  typename L::Lanes loaded[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) loaded[v] = L::LoadLanes(columns + v * stride);
  AddProducts<L, kRows>(a, a_stride, loaded, sums);
}

constexpr ptrdiff_t kVectorBytes = 4 * kLanes;

}  // namespace
}  // namespace chorus::runner
