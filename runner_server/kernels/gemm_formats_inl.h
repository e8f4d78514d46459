#pragma once

// How a product's operands lie, meet and add up in each precision.

#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/lanes_inl.h"
#include "runner_server/kernels/precision.h"

namespace chorus::runner {
namespace {

// K is walked in blocks: of a panel as it is, 64 steps, 16 KiB, are read from memory by the first
// tile of a work item and from the first-level cache by the others, which meanwhile fetch the next
// block. Between blocks the sums rest in memory: no bit changes.
constexpr int kGemmBlockSteps = 64;

// A step of a panel: a lane of each column.
constexpr ptrdiff_t kPanelStepBytes = 4 * kPanelColumns;

// What differs between the precisions. One step takes one 32-bit lane of a panel's column.
//   Sum            vector of sums; Zero, LoadSum and StoreSum treat it
//   kRowStep       bytes of a row, and
//   kColumnStep    bytes of the columns, that a step takes
//   kBlockSteps    steps of a block of K
//   Columns, Rows  the operands of a block's tiles, made in a buffer if not as they lie in memory
//   MultiplyStep   sums += a step of the rows times a step of the columns
//   Value          a finished vector of sums in fp32
template <Precision kPrecision>
struct Format;

// Rows of A, `stride` bytes apart.
struct RowOperand {
  const char* at;
  ptrdiff_t stride;
};

struct AsInMemory {
  static constexpr ptrdiff_t kColumnStep = kPanelStepBytes;
  static constexpr int kBlockSteps = kGemmBlockSteps;
  static constexpr int kColumnBuffer = 1, kRowBuffer = 1;  // Bytes.

  static CHORUS_SIMD_INLINE const char* Columns(const char* panel, int steps, char* buffer) {
    return panel;
  }
  static CHORUS_SIMD_INLINE RowOperand Rows(RowOperand a, int rows, int steps, char* buffer) {
    return a;
  }
};

// A step of lanes that multiply as they are.
template <typename L>
struct LaneFormat : AsInMemory {
  using Sum = typename L::Sum;
  static constexpr ptrdiff_t kRowStep = 4;

  template <int kRows, int kVectors>
  static CHORUS_SIMD_INLINE void MultiplyStep(const char* a, ptrdiff_t a_stride, const char* b,
                                              Sum (&sums)[kRows][kVectors]) {
    AddProducts<L, kRows, kVectors>(a, a_stride, b, kVectorBytes, sums);
  }
};

struct FloatSums {
  static CHORUS_SIMD_INLINE Vec Zero() { return Set1(0.0f); }
  static CHORUS_SIMD_INLINE Vec LoadSum(const float* p) { return Load(p); }
  static CHORUS_SIMD_INLINE void StoreSum(float* p, Vec a) { Store(p, a); }
  static CHORUS_SIMD_INLINE Vec Value(const GemmArgs& args, int row, int column, Vec sum) {
    return sum;
  }
};

template <>
struct Format<Precision::kFloat32> : LaneFormat<Float32Arithmetic>, FloatSums {};

template <>
struct Format<Precision::kBfloat16> : LaneFormat<Bfloat16Arithmetic>, FloatSums {};

template <>
struct Format<Precision::kInt8> : LaneFormat<Int8Arithmetic> {
  static CHORUS_SIMD_INLINE Sum Zero() { return SetInts(0); }
  static CHORUS_SIMD_INLINE Sum LoadSum(const float* p) { return LoadInts(p); }
  static CHORUS_SIMD_INLINE void StoreSum(float* p, Sum a) { StoreInts(p, a); }

  // sum over k of scale_row (a - zero) times scale_column b.
  static CHORUS_SIMD_INLINE Vec Value(const GemmArgs& args, int row, int column, Sum sum) {
    const RowQuantization& quantized = args.a_quantized[row];
    const IntVec zero = SetInts(quantized.zero - kByteOffset);
    const IntVec of_zero = MulInts(zero, LoadInts(args.column_sums + column));
    const Vec scale = Mul(Set1(quantized.scale), Load(args.column_scales + column));
    return Mul(ToFloats(SubInts(sum, of_zero)), scale);
  }
};

// Each byte of a column's lane meets an fp32 of the row.
template <>
struct Format<Precision::kInt8WeightOnly> : AsInMemory, FloatSums {
  using Sum = Vec;
  static constexpr ptrdiff_t kRowStep = 4 * sizeof(float);

  template <int kByte, int kRows, int kVectors>
  static CHORUS_SIMD_INLINE void MultiplyByte(const char* a, ptrdiff_t a_stride, const char* b,
                                              Sum (&sums)[kRows][kVectors]) {
    Vec columns[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      columns[v] = SignedByteToFloats<kByte>(LoadInts(b + v * kVectorBytes));
    }
    AddProducts<Float32Arithmetic, kRows>(a + kByte * sizeof(float), a_stride, columns, sums);
  }

  template <int kRows, int kVectors>
  static CHORUS_SIMD_INLINE void MultiplyStep(const char* a, ptrdiff_t a_stride, const char* b,
                                              Sum (&sums)[kRows][kVectors]) {
    MultiplyByte<0>(a, a_stride, b, sums);
    MultiplyByte<1>(a, a_stride, b, sums);
    MultiplyByte<2>(a, a_stride, b, sums);
    MultiplyByte<3>(a, a_stride, b, sums);
  }

  static CHORUS_SIMD_INLINE Vec Value(const GemmArgs& args, int row, int column, Sum sum) {
    return Mul(sum, Load(args.column_scales + column));
  }
};

// How a lane becomes kParts lanes of fp32 where the CPU does not multiply the precision itself.
// Parts follow the order in which the precision's own step adds its products up, so that no bit
// changes. Rows are expanded too, unless they are fp32 already.
template <Precision kPrecision>
struct Expansion {
  static constexpr bool kUseful = false;
};

template <>
struct Expansion<Precision::kBfloat16> {
  static constexpr bool kUseful = !kMultipliesBfloat16;
  static constexpr bool kOfRows = true;
  static constexpr int kParts = 2;

  template <int kPart>
  static CHORUS_SIMD_INLINE Vec Part(IntVec lanes) {
    return kPart == 0 ? FirstBfloat16(lanes) : SecondBfloat16(lanes);
  }
};

template <>
struct Expansion<Precision::kInt8WeightOnly> {
  static constexpr bool kUseful = true;
  static constexpr bool kOfRows = false;
  static constexpr int kParts = 4;

  template <int kPart>
  static CHORUS_SIMD_INLINE Vec Part(IntVec lanes) {
    return SignedByteToFloats<kPart>(lanes);
  }
};

// Operands of the precision, a block expanded, which several tiles then read. It takes as many
// bytes as a block in memory. Columns: [steps][kParts][64] fp32; rows: [rows][kParts][kBlockSteps].
template <Precision kPrecision>
struct ExpandedFormat : Format<kPrecision> {
  using E = Expansion<kPrecision>;
  using typename Format<kPrecision>::Sum;
  static constexpr int kBlockSteps = kGemmBlockSteps / E::kParts;
  static constexpr ptrdiff_t kColumnStep = kPanelStepBytes * E::kParts;
  static constexpr ptrdiff_t kRowStep = E::kOfRows ? 4 : Format<kPrecision>::kRowStep;
  static constexpr ptrdiff_t kPartStride = E::kOfRows ? 4 * kBlockSteps : 4;  // Of rows.
  static constexpr int kColumnBuffer = kColumnStep * kBlockSteps;
  static constexpr int kRowBuffer = E::kOfRows ? kGemmTileRows * E::kParts * kPartStride : 1;

  static CHORUS_SIMD_INLINE const char* Columns(const char* panel, int steps, char* buffer) {
    char* to = buffer;
    for (int i = 0; i < steps; ++i, panel += kPanelStepBytes, to += kColumnStep) {
      for (int lane = 0; lane < kPanelColumns; lane += kLanes) {
        StoreParts(LoadInts(panel + ptrdiff_t{4} * lane), to + ptrdiff_t{4} * lane,
                   kPanelStepBytes);
      }
    }
    return buffer;
  }

  static CHORUS_SIMD_INLINE RowOperand Rows(RowOperand a, int rows, int steps, char* buffer) {
    if constexpr (!E::kOfRows) return a;
    constexpr ptrdiff_t kStride = E::kParts * kPartStride;
    for (int row = 0; row < rows; ++row) {
      for (int i = 0; i < steps; i += kLanes) {
        const char* from = a.at + row * a.stride + ptrdiff_t{4} * i;
        StoreParts(LoadIntsFirst(from, MinInt(kLanes, steps - i)),
                   buffer + row * kStride + ptrdiff_t{4} * i, kPartStride);
      }
    }
    return {buffer, kStride};
  }

  template <int kRows, int kVectors>
  static CHORUS_SIMD_INLINE void MultiplyStep(const char* a, ptrdiff_t a_stride, const char* b,
                                              Sum (&sums)[kRows][kVectors]) {
#pragma GCC unroll 4
    for (int part = 0; part < E::kParts; ++part) {
      AddProducts<Float32Arithmetic, kRows, kVectors>(
          a + part * kPartStride, a_stride, b + part * kPanelStepBytes, kVectorBytes, sums);
    }
  }

 private:
  static CHORUS_SIMD_INLINE void StorePart(Vec part, char* to) {
    Store(reinterpret_cast<float*>(to), part);
  }
  static CHORUS_SIMD_INLINE void StoreParts(IntVec lanes, char* to, ptrdiff_t stride) {
    StorePart(E::template Part<0>(lanes), to);
    StorePart(E::template Part<1>(lanes), to + stride);
    if constexpr (E::kParts == 4) {
      StorePart(E::template Part<2>(lanes), to + 2 * stride);
      StorePart(E::template Part<3>(lanes), to + 3 * stride);
    }
  }
};

}  // namespace
}  // namespace chorus::runner
