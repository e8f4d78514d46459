#pragma once

// bf16 and int8 products on AMX, from the panels and with the epilogue of gemm_inl.h. To be
// compiled with AMX-TILE, AMX-INT8 and AMX-BF16, after gemm_inl.h over AVX-512.
//
// Sixteen steps of a panel are four tiles of 16 columns as they lie in memory: 16 rows of 64 bytes,
// 256 bytes apart. Sixteen rows of A over the same steps are a tile too, so nothing is copied.
//
// TDPBF16PS adds the products of a tile's even and of its odd elements up in two chains of fused
// multiply-adds that begin at zero, adds the two, and adds that to the sum; subnormal numbers are
// zero (Intel SDM, volume 2; TDPBF16PS). VDPBF16PS has another order, so that in bf16 AMX serves
// every number of rows: a row must have the same bits in any company. In int8 the sums are exact
// and either may serve.

#include "runner_server/kernels/gemm_inl.h"

namespace chorus::runner {
namespace {

constexpr int kTileRows = 16;
constexpr int kTileSteps = 16;  // Of K: the rows of a tile of B.
constexpr ptrdiff_t kTileRowBytes = 64;

// As kGemmBlockSteps. What one tile of rows takes of the first-level cache, of 48 KiB where there
// is AMX: 32 KiB of the panel, 8 of A, 4 of sums. Estimated, not measured.
constexpr int kAmxBlockSteps = 128;

// With one tile of rows the panel comes from memory all the time, and each step of tiles asks for
// what lies so far ahead. Estimated, not measured.
constexpr ptrdiff_t kAmxFetchAheadBytes = 2 * kTileSteps * kPanelStepBytes;

// The tiles' shapes: tiles 0 to 3 sums, 4 of A, 5 to 7 of B. They are a state of the thread. Each
// call of the kernel sets them, again only where they change, and gives them back at its end:
// a thread whose tiles are in use has 8 KiB more to save in every switch between threads.
class TileShapes {
 public:
  TileShapes() = default;
  TileShapes(const TileShapes&) = delete;
  TileShapes& operator=(const TileShapes&) = delete;
  CHORUS_SIMD_INLINE ~TileShapes() {
    if (rows_ != 0) _tile_release();
  }

  // Tiles of `rows` rows of A by `steps` steps, 1 to 16 each. The tiles' content is lost.
  CHORUS_SIMD_INLINE void Set(int rows, int steps) {
    if (rows == rows_ && steps == steps_) return;
    rows_ = rows;
    steps_ = steps;
    Palette palette;
    for (int sum = 0; sum < 4; ++sum) palette.SetTile(sum, rows, kTileRowBytes);
    palette.SetTile(4, rows, 4 * steps);
    for (int b = 5; b < 8; ++b) palette.SetTile(b, steps, kTileRowBytes);
    // The compiler must have written all of it: gcc 12's intrinsic claims to read 8 bytes.
    __asm__ volatile("" ::"r"(&palette) : "memory");
    _tile_loadconfig(&palette);
  }

 private:
  // The operand of LDTILECFG.
  struct alignas(64) Palette {
    uint8_t id = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};

    CHORUS_SIMD_INLINE void SetTile(int tile, int num_rows, ptrdiff_t num_row_bytes) {
      row_bytes[tile] = static_cast<uint16_t>(num_row_bytes);
      rows[tile] = static_cast<uint8_t>(num_rows);
    }
  };
  static_assert(sizeof(Palette) == 64);

  int rows_ = 0;
  int steps_ = 0;
};

CHORUS_SIMD_INLINE void FetchLines(Prefetch& prefetch, int count) {
  for (int line = 0; line < count; ++line, prefetch.at += 64) {
    __builtin_prefetch(prefetch.at, /*for reading*/ 0, /*into the second-level cache*/ 2);
  }
}

// Tiles are named by literals. The sums of one vector of columns += A times B, by way of tile
// `columns`.
#define CHORUS_MULTIPLY_TILE(sums, columns)                         \
  do {                                                              \
    FetchLines(prefetch, lines);                                    \
    _tile_loadd(columns, b + sums * kVectorBytes, kPanelStepBytes); \
    if constexpr (kPrecision == Precision::kBfloat16) {             \
      _tile_dpbf16ps(sums, 4, columns);                             \
    } else {                                                        \
      _tile_dpbusd(sums, 4, columns);                               \
    }                                                               \
  } while (false)

// As Tile, in the shapes that are set; `steps` is a multiple of their steps.
template <Precision kPrecision>
void AmxTile(const char* a, ptrdiff_t a_stride, const char* b, int steps, int shape_steps,
             bool first_block, Prefetch prefetch, float* sums_at) {
  constexpr ptrdiff_t kSumsStride = kPanelColumns * sizeof(float);
  if (first_block) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums_at + 0 * kLanes, kSumsStride);
    _tile_loadd(1, sums_at + 1 * kLanes, kSumsStride);
    _tile_loadd(2, sums_at + 2 * kLanes, kSumsStride);
    _tile_loadd(3, sums_at + 3 * kLanes, kSumsStride);
  }
  const int lines = prefetch.lines * shape_steps / 4;
  for (int i = 0; i < steps; i += shape_steps) {
    _tile_loadd(4, a, a_stride);
    CHORUS_MULTIPLY_TILE(0, 5);
    CHORUS_MULTIPLY_TILE(1, 6);
    CHORUS_MULTIPLY_TILE(2, 7);
    CHORUS_MULTIPLY_TILE(3, 5);
    a += kTileRowBytes;
    b += kTileSteps * kPanelStepBytes;
  }
  _tile_stored(0, sums_at + 0 * kLanes, kSumsStride);
  _tile_stored(1, sums_at + 1 * kLanes, kSumsStride);
  _tile_stored(2, sums_at + 2 * kLanes, kSumsStride);
  _tile_stored(3, sums_at + 3 * kLanes, kSumsStride);
}
#undef CHORUS_MULTIPLY_TILE

// As GemmItem. The tiles of 16 rows or more are all full: the last begins so early that it is, and
// what it shares with the one before is the same twice. Where K is no multiple of a tile's steps,
// the rest is a block of its own in narrower shapes, so that nothing past K is read.
template <Precision kPrecision>
void AmxItem(const GemmArgs& args, FinishFunction finish, int panel, int row_begin, int row_end,
             int next_panel, TileShapes& shapes) {
  constexpr int kPerStep = WeightsPerLane(kPrecision);
  const int rows = row_end - row_begin;
  const int tile_rows = MinInt(rows, kTileRows);
  const int num_tiles = (rows + kTileRows - 1) / kTileRows;
  const int num_steps = (args.k + kPerStep - 1) / kPerStep;
  const ptrdiff_t a_stride = args.a_stride * (4 / kPerStep);  // Bytes.
  const char* a = static_cast<const char*>(args.a) + row_begin * a_stride;
  const char* b = PanelAt(args, panel, num_steps);
  alignas(64) float sums[kGemmBlockRows * kPanelColumns];  // [num_tiles][16][64]
  static_assert(kGemmBlockRows % kTileRows == 0);
  for (int first_step = 0, steps; first_step < num_steps; first_step += steps) {
    const int left = num_steps - first_step;
    const int whole = left - left % kTileSteps;
    steps = whole == 0 ? left : num_tiles == 1 ? whole : MinInt(whole, kAmxBlockSteps);
    const int shape_steps = MinInt(steps, kTileSteps);
    shapes.Set(tile_rows, shape_steps);
    const char* block = b + first_step * kPanelStepBytes;
    const bool last_block = steps == left;
    const int next_steps = last_block ? num_steps : left - steps;
    const char* next =
        last_block ? PanelAt(args, next_panel, num_steps) : block + steps * kPanelStepBytes;
    for (int tile = 0; tile < num_tiles; ++tile) {
      const int row = tile * kTileRows;
      const int first = MinInt(row, rows - tile_rows);
      float* tile_sums = sums + row * kPanelColumns;
      // Past the last panel it fetches in vain, and harms nothing.
      const Prefetch prefetch =
          num_tiles == 1 ? Prefetch{block + kAmxFetchAheadBytes, kPanelStepBytes / 64}
                         : PrefetchOfPass(next, MinInt(steps, next_steps), tile - 1, num_tiles - 1);
      AmxTile<kPrecision>(a + first * a_stride + first_step * ptrdiff_t{4}, a_stride, block, steps,
                          shape_steps, first_step == 0, prefetch, tile_sums);
      if (last_block) {
        finish(args, panel, row_begin + row, MinInt(kTileRows, rows - row),
               tile_sums + (row - first) * kPanelColumns);
      }
    }
  }
}

// In int8, products of so few rows as make one tile of vectors, which reads a panel at the speed of
// memory, stay with VPDPBUSD. Estimated, not measured; it changes no bit.
template <Precision kPrecision>
void AmxGemm(const GemmArgs& args, int first_item, int last_item) {
  const FinishFunction finish = ChooseFinish<Format<kPrecision>>(args);
  TileShapes shapes;
  ForEachItem(args, first_item, last_item,
              [&](int panel, int row_begin, int row_end, int next_panel) {
                if (kPrecision == Precision::kInt8 && row_end - row_begin <= kGemmTileRows) {
                  GemmItem<kPrecision>(args, finish, panel, row_begin, row_end, next_panel);
                } else {
                  AmxItem<kPrecision>(args, finish, panel, row_begin, row_end, next_panel, shapes);
                }
              });
}

}  // namespace
}  // namespace chorus::runner
