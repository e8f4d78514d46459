#pragma once

#include "runner_server/kernels/activation_inl.h"
#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/gemm_formats_inl.h"

namespace chorus::runner {
namespace {

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
  for (int i = 0; i < steps; ++i, a += F::kRowStep, b += F::kColumnStep) {
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
template <typename F>
CHORUS_SIMD_INLINE void FinishWith(Activation activation, const GemmArgs& args, int panel, int row,
                                   int rows, const float* sums) {
  for (int r = 0; r < rows; ++r) {
    for (int lane = 0; lane < kPanelColumns; lane += kLanes) {
      const int column = panel * kPanelColumns + lane;
      const int count = MinInt(kLanes, args.n - column);
      if (count <= 0) break;  // Padding of the last panel.
      Vec x = F::Value(args, row + r, column, F::LoadSum(sums + r * kPanelColumns + lane));
      if (args.bias != nullptr) x = Add(x, LoadFirst(args.bias + column, count));
      x = Apply(activation, x);
      const ptrdiff_t place = (row + r) * args.c_stride + column;
      if (args.residual != nullptr) x = Add(LoadFirst(args.residual + place, count), x);
      StoreFirst(args.c + place, x, count);
    }
  }
}

template <typename F, Activation kActivation>
void Finish(const GemmArgs& args, int panel, int row, int rows, const float* sums) {
  FinishWith<F>(kActivation, args, panel, row, rows, sums);
}

// Chooses the activation for each vector.
template <typename F>
void FinishAny(const GemmArgs& args, int panel, int row, int rows, const float* sums) {
  FinishWith<F>(args.activation, args, panel, row, rows, sums);
}

// Of a gated product.
template <typename F>
void FinishGated(const GemmArgs& args, int panel, int row, int rows, const float* sums) {
  constexpr int kHalf = kPanelColumns / 2;
  for (int r = 0; r < rows; ++r) {
    for (int lane = 0; lane < kHalf; lane += kLanes) {
      const int count = MinInt(kLanes, args.n / 2 - (panel * kHalf + lane));
      if (count <= 0) break;
      const auto value = [&](int panel_column) {
        const int column = panel * kPanelColumns + panel_column;
        const Vec x =
            F::Value(args, row + r, column, F::LoadSum(sums + r * kPanelColumns + panel_column));
        return args.bias == nullptr ? x : Add(x, Load(args.bias + column));
      };
      const Vec gate = Apply(args.activation, value(lane));
      StoreFirst(args.c + (row + r) * args.c_stride + panel * kHalf + lane,
                 Mul(gate, value(kHalf + lane)), count);
    }
  }
}

using FinishFunction = void (*)(const GemmArgs&, int, int, int, const float*);

template <typename F>
FinishFunction ChooseFinish(const GemmArgs& args) {
  if (args.gated) return FinishGated<F>;
  switch (args.activation) {
    case Activation::kNone:
      return Finish<F, Activation::kNone>;
    case Activation::kGeluTanh:
      return Finish<F, Activation::kGeluTanh>;
    case Activation::kGeluErf:
      return Finish<F, Activation::kGeluErf>;
    default:
      return FinishAny<F>;
  }
}

using TileFunction = void (*)(const char*, ptrdiff_t, const char*, int, bool, Prefetch, float*);

// Null for more rows than the registers hold.
template <typename F, int kRows>
constexpr TileFunction TileOf() {
  if constexpr (kRows <= kGemmTileRows) {
    return Tile<F, kRows, GemmTileVectors(kRows)>;
  } else {
    return nullptr;
  }
}

// By rows.
template <typename F>
constexpr TileFunction kTiles[] = {nullptr,        TileOf<F, 1>(), TileOf<F, 2>(), TileOf<F, 3>(),
                                   TileOf<F, 4>(), TileOf<F, 5>(), TileOf<F, 6>()};

// Shares the lines of the next block, `steps` long at least, out over the passes that compute this
// one.
CHORUS_SIMD_INLINE Prefetch PrefetchOfPass(const char* next, int steps, int pass, int num_passes) {
  constexpr int kLinesPerStep = kPanelStepBytes / 64;
  if (next == nullptr || pass < 0) return {};
  const int lines = (kLinesPerStep + num_passes - 1) / num_passes;
  const int first = pass * lines;
  if (first >= kLinesPerStep) return {};
  return {next + static_cast<ptrdiff_t>(first) * steps * 64, MinInt(lines, kLinesPerStep - first)};
}

// Where a panel begins; null for a negative one.
CHORUS_SIMD_INLINE const char* PanelAt(const GemmArgs& args, int panel, int num_steps) {
  if (panel < 0) return nullptr;
  return static_cast<const char*>(args.panels) +
         static_cast<ptrdiff_t>(panel) * num_steps * kPanelStepBytes;
}

// One panel by rows [row_begin, row_end), in tiles as equal as can be. Meanwhile `next_panel` is
// fetched, if not negative.
template <Precision kPrecision, typename F>
void WalkPanel(const GemmArgs& args, FinishFunction finish, int panel, int row_begin, int row_end,
               int next_panel) {
  static_assert(kGemmTileRows < sizeof(kTiles<F>) / sizeof(kTiles<F>[0]));
  constexpr int kPerStep = WeightsPerLane(kPrecision);             // Rows of K.
  constexpr ptrdiff_t kRowStep = Format<kPrecision>::kRowStep;     // In memory.
  constexpr bool kReadsAhead = F::kColumnStep != kPanelStepBytes;  // A block, before its tiles.
  const int rows = row_end - row_begin;
  const int num_tiles = (rows + kGemmTileRows - 1) / kGemmTileRows;
  const int tile_passes = kPanelColumns / (GemmTileVectors(rows / num_tiles) * kLanes);
  const bool straight = num_tiles == 1 && tile_passes == 1;  // Nothing is read twice.
  // A pass that reads a whole block from memory fetches nothing besides.
  const int first_fetching = !kReadsAhead && tile_passes == 1 ? 1 : 0;
  const int num_fetching = num_tiles * tile_passes - first_fetching;
  const int num_steps = (args.k + kPerStep - 1) / kPerStep;
  const int block_steps = straight ? num_steps : F::kBlockSteps;
  const ptrdiff_t a_stride = args.a_stride * (kRowStep / kPerStep);  // Bytes.
  const char* a = static_cast<const char*>(args.a) + row_begin * a_stride;
  const char* b = PanelAt(args, panel, num_steps);
  alignas(64) float sums[kGemmBlockRows * kPanelColumns];  // [rows][64]
  alignas(64) char column_buffer[F::kColumnBuffer];
  alignas(64) char row_buffer[F::kRowBuffer];
  for (int first_step = 0; first_step < num_steps; first_step += block_steps) {
    const int steps = MinInt(num_steps - first_step, block_steps);
    const char* block = b + first_step * kPanelStepBytes;
    const bool last_block = first_step + steps == num_steps;
    // After the block: the rest of this panel, then the next one.
    const int next_steps = last_block ? num_steps : num_steps - first_step - steps;
    const char* next = straight     ? nullptr
                       : last_block ? PanelAt(args, next_panel, num_steps)
                                    : block + steps * kPanelStepBytes;
    const char* columns = F::Columns(block, steps, column_buffer);
    int pass = -first_fetching;
    for (int tile = 0; tile < num_tiles; ++tile) {
      const int first = rows * tile / num_tiles;
      const int count = rows * (tile + 1) / num_tiles - first;
      const RowOperand operand = F::Rows({a + first * a_stride + first_step * kRowStep, a_stride},
                                         count, steps, row_buffer);
      const int width = GemmTileVectors(count) * kLanes;
      for (int lane = 0; lane < kPanelColumns; lane += width, ++pass) {
        kTiles<F>[count](operand.at, operand.stride, columns + lane * ptrdiff_t{4}, steps,
                         first_step == 0,
                         PrefetchOfPass(next, MinInt(steps, next_steps), pass, num_fetching),
                         sums + first * kPanelColumns + lane);
      }
      if (last_block) {
        finish(args, panel, row_begin + first, count, sums + first * kPanelColumns);
      }
    }
  }
}

template <Precision kPrecision>
void GemmItem(const GemmArgs& args, FinishFunction finish, int panel, int row_begin, int row_end,
              int next_panel) {
  if constexpr (Expansion<kPrecision>::kUseful) {
    if (row_end - row_begin > kExpandAboveRows) {
      return WalkPanel<kPrecision, ExpandedFormat<kPrecision>>(args, finish, panel, row_begin,
                                                               row_end, next_panel);
    }
  }
  WalkPanel<kPrecision, Format<kPrecision>>(args, finish, panel, row_begin, row_end, next_panel);
}

// Items go in groups of so many panels, in a group by blocks of rows: the second-level cache holds
// a block of rows while the group's panels meet it.
constexpr int kGroupPanels = 12;

struct GemmItemPlace {
  int panel, row_block;
};

CHORUS_SIMD_INLINE GemmItemPlace PlaceOfItem(int item, int panels, int row_blocks) {
  const int group = item / (kGroupPanels * row_blocks);
  const int first_panel = group * kGroupPanels;
  const int width = MinInt(kGroupPanels, panels - first_panel);
  const int in_group = item - first_panel * row_blocks;
  return {first_panel + in_group % width, in_group / width};
}

// do_item(panel, row_begin, row_end, next_panel) for every item; next_panel is negative where the
// next item has the same or there is none.
template <typename DoItem>
CHORUS_SIMD_INLINE void ForEachItem(const GemmArgs& args, int first_item, int last_item,
                                    DoItem do_item) {
  constexpr int kStep = 16;  // Blocks are as equal as whole tiles of AMX allow.
  const int row_blocks = GemmRowBlocks(args.m);
  const int block_rows = (args.m + kStep * row_blocks - 1) / (kStep * row_blocks) * kStep;
  const int panels = (args.n + kPanelColumns - 1) / kPanelColumns;
  GemmItemPlace place = PlaceOfItem(first_item, panels, row_blocks);
  for (int item = first_item; item < last_item; ++item) {
    GemmItemPlace next = {-1, 0};
    if (item + 1 < last_item) next = PlaceOfItem(item + 1, panels, row_blocks);
    const int row_begin = place.row_block * block_rows;
    do_item(place.panel, row_begin, MinInt(args.m, row_begin + block_rows),
            next.panel == place.panel ? -1 : next.panel);
    place = next;
  }
}

template <Precision kPrecision>
void Gemm(const GemmArgs& args, int first_item, int last_item) {
  const FinishFunction finish = ChooseFinish<Format<kPrecision>>(args);
  ForEachItem(args, first_item, last_item,
              [&](int panel, int row_begin, int row_end, int next_panel) {
                GemmItem<kPrecision>(args, finish, panel, row_begin, row_end, next_panel);
              });
}

}  // namespace
}  // namespace chorus::runner
