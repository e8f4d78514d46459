#pragma once

#include "runner_server/kernels/activation_inl.h"
#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/lanes_inl.h"
#include "runner_server/kernels/precision.h"

namespace chorus::runner {
namespace {

// What differs between the precisions. One step takes one 32-bit lane of a panel's column.
//   Sum            vector of sums; Zero, LoadSum and StoreSum treat it
//   kStepBytes     of a row, that a step takes
//   MultiplyStep   sums += a step of the rows times a step of the columns
//   Value          a finished vector of sums in fp32
template <Precision kPrecision>
struct Format;

// A step of lanes that multiply as they are.
template <typename L>
struct LaneFormat {
  using Sum = typename L::Sum;
  static constexpr int kStepBytes = 4;

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
    const IntVec of_zero = MulInts(SetInts(quantized.zero), LoadInts(args.column_sums + column));
    const Vec scale = Mul(Set1(quantized.scale), Load(args.column_scales + column));
    return Mul(ToFloats(SubInts(sum, of_zero)), scale);
  }
};

// Each byte of a column's lane meets an fp32 of the row.
template <>
struct Format<Precision::kInt8WeightOnly> : FloatSums {
  using Sum = Vec;
  static constexpr int kStepBytes = 4 * sizeof(float);

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

// K is walked in blocks of this many steps: a block of a panel, 16 KiB, is read from memory by the
// first tile of a work item and from the first-level cache by the others, which meanwhile fetch the
// next block. Between blocks the sums rest in memory: no bit changes.
constexpr int kGemmBlockSteps = 64;

// A step of a panel: a lane of each column.
constexpr ptrdiff_t kPanelStepBytes = 4 * kPanelColumns;

// Memory that a tile fetches while it computes: in each step `lines` of 64 bytes, in turn.
struct Prefetch {
  const char* at = nullptr;
  int lines = 0;
};

// The sums of one kRows x (kVectors * 16) tile over some steps of K. `sums_at` is the tile's place
// in [rows of the item][64].
template <typename F, int kRows, int kVectors>
void Tile(const char* a, ptrdiff_t a_stride, const char* b, int steps, bool first_block,
          Prefetch prefetch, float* sums_at) {
  typename F::Sum sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = first_block ? F::Zero() : F::LoadSum(sums_at + r * kPanelColumns + v * kLanes);
    }
  }
  for (int i = 0; i < steps; ++i, a += F::kStepBytes, b += kPanelStepBytes) {
    for (int line = 0; line < prefetch.lines; ++line, prefetch.at += 64) {
      __builtin_prefetch(prefetch.at, /*for reading*/ 0, /*into the second-level cache*/ 2);
    }
    F::MultiplyStep(a, a_stride, b, sums);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      F::StoreSum(sums_at + r * kPanelColumns + v * kLanes, sums[r][v]);
    }
  }
}

// Scales, bias, activation and residual over the finished sums of rows [row, row + rows) of a
// panel.
template <typename F, Activation kActivation>
void Finish(const GemmArgs& args, int panel, int row, int rows, const float* sums) {
  for (int r = 0; r < rows; ++r) {
    for (int lane = 0; lane < kPanelColumns; lane += kLanes) {
      const int column = panel * kPanelColumns + lane;
      const int count = MinInt(kLanes, args.n - column);
      if (count <= 0) break;  // Padding of the last panel.
      Vec x = F::Value(args, row + r, column, F::LoadSum(sums + r * kPanelColumns + lane));
      if (args.bias != nullptr) x = Add(x, LoadFirst(args.bias + column, count));
      x = Apply(kActivation, x);
      const ptrdiff_t place = (row + r) * args.c_stride + column;
      if (args.residual != nullptr) x = Add(LoadFirst(args.residual + place, count), x);
      StoreFirst(args.c + place, x, count);
    }
  }
}

using FinishFunction = void (*)(const GemmArgs&, int, int, int, const float*);

template <typename F>
FinishFunction ChooseFinish(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return Finish<F, Activation::kRelu>;
    case Activation::kTanh:
      return Finish<F, Activation::kTanh>;
    case Activation::kGeluTanh:
      return Finish<F, Activation::kGeluTanh>;
    case Activation::kGeluErf:
      return Finish<F, Activation::kGeluErf>;
    case Activation::kNone:
      break;
  }
  return Finish<F, Activation::kNone>;
}

using TileFunction = void (*)(const char*, ptrdiff_t, const char*, int, bool, Prefetch, float*);

template <typename F>
constexpr TileFunction kTiles[] = {
    nullptr,
    Tile<F, 1, kGemmTileVectors>,
    Tile<F, 2, kGemmTileVectors>,
#if !defined(CHORUS_SIMD_FEW_REGISTERS)
    Tile<F, 3, kGemmTileVectors>,
    Tile<F, 4, kGemmTileVectors>,
    Tile<F, 5, kGemmTileVectors>,
    Tile<F, 6, kGemmTileVectors>,
#endif
};

// Shares the lines of the next block, `steps` long at least, out over the tiles that read this one
// from the cache: all but the first.
CHORUS_SIMD_INLINE Prefetch PrefetchOfTile(const char* next, int steps, int tile, int num_tiles) {
  constexpr int kLinesPerStep = kPanelStepBytes / 64;
  if (next == nullptr || tile == 0) return {};
  const int lines = (kLinesPerStep + num_tiles - 2) / (num_tiles - 1);
  const int first = (tile - 1) * lines;
  if (first >= kLinesPerStep) return {};
  return {next + static_cast<ptrdiff_t>(first) * steps * 64, MinInt(lines, kLinesPerStep - first)};
}

// One panel by rows [row_begin, row_end), in tiles as equal as can be. `fetch_next` asks for the
// panel behind it to be fetched meanwhile.
template <Precision kPrecision>
void GemmItem(const GemmArgs& args, FinishFunction finish, int panel, int row_begin, int row_end,
              bool fetch_next) {
  using F = Format<kPrecision>;
  static_assert(sizeof(kTiles<F>) / sizeof(kTiles<F>[0]) == kGemmTileRows + 1);
  constexpr int kPerStep = WeightsPerLane(kPrecision);  // Rows of K.
  const int rows = row_end - row_begin;
  const int num_tiles = (rows + kGemmTileRows - 1) / kGemmTileRows;
  const int num_steps = (args.k + kPerStep - 1) / kPerStep;
  const int block_steps = num_tiles == 1 ? num_steps : kGemmBlockSteps;
  const ptrdiff_t a_stride = args.a_stride * (F::kStepBytes / kPerStep);  // Bytes.
  const char* a = static_cast<const char*>(args.a) + row_begin * a_stride;
  const char* b = static_cast<const char*>(args.panels) +
                  static_cast<ptrdiff_t>(panel) * num_steps * kPanelStepBytes;
  alignas(64) float sums[kGemmBlockRows * kPanelColumns];  // [rows][64]
  for (int first_step = 0; first_step < num_steps; first_step += block_steps) {
    const int steps = MinInt(num_steps - first_step, block_steps);
    const char* block = b + first_step * kPanelStepBytes;
    const bool last_block = first_step + steps == num_steps;
    // What lies behind the block: the rest of this panel, then the next one.
    const int next_steps =
        last_block ? (fetch_next ? num_steps : 0) : num_steps - first_step - steps;
    const char* next = next_steps == 0 ? nullptr : block + steps * kPanelStepBytes;
    for (int tile = 0; tile < num_tiles; ++tile) {
      const int first = rows * tile / num_tiles;
      const int last = rows * (tile + 1) / num_tiles;
      const Prefetch prefetch = PrefetchOfTile(next, MinInt(steps, next_steps), tile, num_tiles);
      for (int lane = 0; lane < kPanelColumns; lane += kGemmTileVectors * kLanes) {
        kTiles<F>[last - first](
            a + first * a_stride + static_cast<ptrdiff_t>(first_step) * F::kStepBytes, a_stride,
            block + lane * ptrdiff_t{4}, steps, first_step == 0, lane == 0 ? prefetch : Prefetch{},
            sums + first * kPanelColumns + lane);
      }
      if (last_block) {
        finish(args, panel, row_begin + first, last - first, sums + first * kPanelColumns);
      }
    }
  }
}

// do_item(panel, row_begin, row_end, fetch_next) for every item.
template <typename DoItem>
CHORUS_SIMD_INLINE void ForEachItem(const GemmArgs& args, int first_item, int last_item,
                                    DoItem do_item) {
  const int row_blocks = GemmRowBlocks(args.m);
  for (int item = first_item; item < last_item; ++item) {
    const int row_block = item % row_blocks;
    const int row_begin = row_block * kGemmBlockRows;
    do_item(item / row_blocks, row_begin, MinInt(args.m, row_begin + kGemmBlockRows),
            row_block == row_blocks - 1 && item + 1 < last_item);
  }
}

template <Precision kPrecision>
void Gemm(const GemmArgs& args, int first_item, int last_item) {
  const FinishFunction finish = ChooseFinish<Format<kPrecision>>(args.activation);
  ForEachItem(args, first_item, last_item,
              [&](int panel, int row_begin, int row_end, bool fetch_next) {
                GemmItem<kPrecision>(args, finish, panel, row_begin, row_end, fetch_next);
              });
}

}  // namespace
}  // namespace chorus::runner
