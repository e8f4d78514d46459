#pragma once

#include "runner_server/kernels/activation_inl.h"
#include "runner_server/kernels/gemm.h"

namespace chorus {
namespace {

// K is walked in blocks, so that a block of a panel stays in the second-level cache while the rows
// of a work item pass over it. Between blocks the sums rest, as fp32, in memory: no bit changes.
constexpr int kGemmBlockK = 1024;

// A kRows x (kVectors * 16) tile of sums += A's rows times columns of one panel, over k steps.
template <int kRows, int kVectors>
CHORUS_SIMD_INLINE void Multiply(const float* a, ptrdiff_t a_stride, const float* b, int k,
                                 Vec (&sums)[kRows][kVectors]) {
  for (int i = 0; i < k; ++i) {
    Vec column[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) column[v] = Load(b + i * kPanelColumns + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec x = Set1(a[r * a_stride + i]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[r][v] = Fma(x, column[v], sums[r][v]);
    }
  }
}

// The sums of one tile over one block of K. `sums_at` is the tile's place in [rows of the
// item][64].
template <int kRows, int kVectors>
void Tile(const float* a, ptrdiff_t a_stride, const float* b, int k, bool first_block,
          float* sums_at) {
  Vec sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = first_block ? Set1(0.0f) : Load(sums_at + r * kPanelColumns + v * kLanes);
    }
  }
  Multiply<kRows, kVectors>(a, a_stride, b, k, sums);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) Store(sums_at + r * kPanelColumns + v * kLanes, sums[r][v]);
  }
}

// Bias, activation and residual over the finished sums of rows [row, row + rows) of a panel.
template <Activation kActivation>
void Finish(const GemmArgs& args, int panel, int row, int rows, const float* sums) {
  for (int r = 0; r < rows; ++r) {
    for (int lane = 0; lane < kPanelColumns; lane += kLanes) {
      const int column = panel * kPanelColumns + lane;
      const int count = MinInt(kLanes, args.n - column);
      if (count <= 0) break;  // Padding of the last panel.
      Vec x = Load(sums + r * kPanelColumns + lane);
      if (args.bias != nullptr) x = Add(x, LoadFirst(args.bias + column, count));
      x = Apply(kActivation, x);
      const ptrdiff_t place = (row + r) * args.c_stride + column;
      if (args.residual != nullptr) x = Add(LoadFirst(args.residual + place, count), x);
      StoreFirst(args.c + place, x, count);
    }
  }
}

using FinishFunction = void (*)(const GemmArgs&, int, int, int, const float*);

FinishFunction ChooseFinish(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return Finish<Activation::kRelu>;
    case Activation::kTanh:
      return Finish<Activation::kTanh>;
    case Activation::kGeluTanh:
      return Finish<Activation::kGeluTanh>;
    case Activation::kGeluErf:
      return Finish<Activation::kGeluErf>;
    case Activation::kNone:
      break;
  }
  return Finish<Activation::kNone>;
}

using TileFunction = void (*)(const float*, ptrdiff_t, const float*, int, bool, float*);

constexpr TileFunction kTiles[] = {
    nullptr,
    Tile<1, kGemmTileVectors>,
    Tile<2, kGemmTileVectors>,
#if !defined(CHORUS_SIMD_FEW_REGISTERS)
    Tile<3, kGemmTileVectors>,
    Tile<4, kGemmTileVectors>,
    Tile<5, kGemmTileVectors>,
    Tile<6, kGemmTileVectors>,
#endif
};
static_assert(sizeof(kTiles) / sizeof(kTiles[0]) == kGemmTileRows + 1);

// One panel by rows [row_begin, row_end), in tiles as equal as can be.
void GemmItem(const GemmArgs& args, FinishFunction finish, int panel, int row_begin, int row_end) {
  const int rows = row_end - row_begin;
  const int num_tiles = (rows + kGemmTileRows - 1) / kGemmTileRows;
  const float* a = args.a + row_begin * args.a_stride;
  const float* b = args.panels + static_cast<ptrdiff_t>(panel) * args.k * kPanelColumns;
  alignas(64) float sums[kGemmBlockRows * kPanelColumns];  // [rows][64]
  for (int k_begin = 0; k_begin < args.k; k_begin += kGemmBlockK) {
    const int k = MinInt(args.k - k_begin, kGemmBlockK);
    for (int tile = 0; tile < num_tiles; ++tile) {
      const int first = rows * tile / num_tiles;
      const int last = rows * (tile + 1) / num_tiles;
      for (int lane = 0; lane < kPanelColumns; lane += kGemmTileVectors * kLanes) {
        kTiles[last - first](a + first * args.a_stride + k_begin, args.a_stride,
                             b + static_cast<ptrdiff_t>(k_begin) * kPanelColumns + lane, k,
                             k_begin == 0, sums + first * kPanelColumns + lane);
      }
      if (k_begin + k == args.k) {
        finish(args, panel, row_begin + first, last - first, sums + first * kPanelColumns);
      }
    }
  }
}

void Gemm(const GemmArgs& args, int first_item, int last_item) {
  const FinishFunction finish = ChooseFinish(args.activation);
  const int row_blocks = GemmRowBlocks(args.m);
  for (int item = first_item; item < last_item; ++item) {
    const int row_begin = item % row_blocks * kGemmBlockRows;
    GemmItem(args, finish, item / row_blocks, row_begin,
             MinInt(args.m, row_begin + kGemmBlockRows));
  }
}

}  // namespace
}  // namespace chorus
