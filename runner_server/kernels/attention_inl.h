#pragma once

#include "runner_server/kernels/activation_inl.h"
#include "runner_server/kernels/attention.h"
#include "runner_server/kernels/lanes_inl.h"
#include "runner_server/kernels/quantize_inl.h"

namespace chorus::runner {
namespace {

// A few rows of lanes, such as queries; `stride` in lanes.
struct LaneRows {
  const float* at;
  ptrdiff_t stride;

  CHORUS_SIMD_INLINE const char* Lane(int lane) const {
    return reinterpret_cast<const char*>(at + lane);
  }
  CHORUS_SIMD_INLINE ptrdiff_t stride_bytes() const { return 4 * stride; }
};

// `rows` of `count` elements as the rows of lanes that L multiplies; narrow ones go to `narrow`,
// which has room for `stride` lanes a row.
template <typename L, int kRows>
CHORUS_SIMD_INLINE LaneRows ToLanes(const float* rows, ptrdiff_t row_stride, int count,
                                    int more_each_row, float* narrow, ptrdiff_t stride) {
  if constexpr (L::kPerLane == 1) return {rows, row_stride};
  for (int i = 0; i < kRows; ++i) {
    ToBfloat16(rows + i * row_stride, count + i * more_each_row,
               reinterpret_cast<uint16_t*>(narrow + i * stride));
  }
  return {narrow, stride};
}

// Scores of kQueries queries against kBlocks blocks of keys; every score sums over the dimensions
// in turn.
template <typename L, int kQueries, int kBlocks>
CHORUS_SIMD_INLINE void ScoreBlocks(const AttentionArgs& args, LaneRows q, int block, float* scores,
                                    ptrdiff_t score_stride) {
  const int num_lanes = (args.head_size + L::kPerLane - 1) / L::kPerLane;
  const char* keys = args.keys + block * args.key_block_stride;
  Vec sums[kQueries][kBlocks];
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) sums[i][j] = Set1(0.0f);
  }
  for (int d = 0; d < num_lanes; ++d) {
    AddProducts<L, kQueries, kBlocks>(q.Lane(d), q.stride_bytes(), keys + d * kVectorBytes,
                                      args.key_block_stride, sums);
  }
  const Vec scale = Set1(args.scale);
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) {
      Store(scores + i * score_stride + (block + j) * kKeyBlock, Mul(sums[i][j], scale));
    }
  }
}

template <typename L, int kQueries>
CHORUS_SIMD_INLINE void Scores(const AttentionArgs& args, LaneRows q, int num_blocks, float* scores,
                               ptrdiff_t score_stride) {
  constexpr int kBlocks = AttentionTileVectors(kQueries);
  int block = 0;
  for (; block + kBlocks <= num_blocks; block += kBlocks) {
    ScoreBlocks<L, kQueries, kBlocks>(args, q, block, scores, score_stride);
  }
  for (; block < num_blocks; ++block) {
    ScoreBlocks<L, kQueries, 1>(args, q, block, scores, score_stride);
  }
}

// e^(score - top). NaN where the score is not finite: one of minus infinity is an overflow too, and
// must not become a weight of nothing.
CHORUS_SIMD_INLINE Vec Weight(Vec score, Vec top) {
  return Fma(score, Set1(0.0f), Exp(Sub(score, top)));
}

// The lanes from `count` on, the others zero; those must be finite.
CHORUS_SIMD_INLINE Vec DropFirst(Vec a, int count) { return Sub(a, KeepFirst(a, count, 0.0f)); }

// Turns scores into weights that are not yet divided by their sum; returns one over the sum. Keys
// before `first`, less than a vector, have no weight.
CHORUS_SIMD_INLINE float ExpAndSum(float* scores, int first, int num_keys) {
  for (int t = 0; t < first; ++t) scores[t] = scores[first];  // Which makes no other maximum.
  const int num_whole = num_keys / kLanes * kLanes;
  const int rest = num_keys - num_whole;
  Vec max = Set1(-__builtin_inff());
  for (int t = 0; t < num_whole; t += kLanes) max = Max(max, Load(scores + t));
  if (rest > 0) max = Max(max, KeepFirst(Load(scores + num_whole), rest, -__builtin_inff()));
  const Vec top = Set1(ReduceMax(max));

  Vec sum = Set1(0.0f);
  for (int t = 0; t < num_whole; t += kLanes) {
    Vec weight = Weight(Load(scores + t), top);
    if (t < first) weight = DropFirst(weight, first);
    Store(scores + t, weight);
    sum = Add(sum, weight);
  }
  if (rest > 0) {
    Vec weight = KeepFirst(Weight(Load(scores + num_whole), top), rest, 0.0f);
    if (num_whole < first) weight = DropFirst(weight, first);
    Store(scores + num_whole, weight);
    sum = Add(sum, weight);
  }
  return 1.0f / ReduceAdd(sum);
}

// What the queries of a tile see: the first of them keys [first, end), and each further one
// `more_each` more. The first lies in the first block.
struct KeyRange {
  int first;
  int end;
  int more_each;

  CHORUS_SIMD_INLINE int EndOf(int query) const { return end + more_each * query; }
};

// out = weights times values, for kVectors * 16 columns from `column`. The rows that all queries
// see whole are read once for all; when causal, each query goes on alone to its own end.
template <typename L, int kQueries, int kVectors>
CHORUS_SIMD_INLINE void Mix(const AttentionArgs& args, LaneRows weights, const float* inverse_sums,
                            KeyRange keys, int column, float* out) {
  constexpr int kBlockRows = kKeyBlock / L::kPerLane;
  Vec sums[kQueries][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[i][v] = Set1(0.0f);
  }
  const char* values = args.values + column * ptrdiff_t{4};
  const int num_common = keys.end / L::kPerLane;
  for (int first = 0; first < num_common; first += kBlockRows, values += args.value_block_stride) {
    const int count = MinInt(kBlockRows, num_common - first);
    for (int row = first == 0 ? keys.first / L::kPerLane : 0; row < count; ++row) {
      AddProducts<L, kQueries, kVectors>(weights.Lane(first + row), weights.stride_bytes(),
                                         values + row * args.value_row_stride, kVectorBytes, sums);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
    const int num_rows = (keys.EndOf(i) + L::kPerLane - 1) / L::kPerLane;
    for (int row = num_common; row < num_rows; ++row) {
      AddProducts<L, 1, kVectors>(weights.Lane(row) + i * weights.stride_bytes(), 0,
                                  args.values + column * ptrdiff_t{4} +
                                      row / kBlockRows * args.value_block_stride +
                                      row % kBlockRows * args.value_row_stride,
                                  kVectorBytes, sums + i);
    }
    const Vec inverse_sum = Set1(inverse_sums[i]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const int first = column + v * kLanes;
      StoreFirst(out + i * args.out_stride + first, Mul(sums[i][v], inverse_sum),
                 MinInt(kLanes, args.head_size - first));
    }
  }
}

template <typename L, int kQueries>
void QueryTile(const AttentionArgs& args, const float* q, KeyRange keys, float* out) {
  const int num_blocks = (keys.EndOf(kQueries - 1) + kKeyBlock - 1) / kKeyBlock;
  const ptrdiff_t score_stride = static_cast<ptrdiff_t>(num_blocks) * kKeyBlock;
  float* scores = args.scratch;
  float* narrow_weights = scores + kMaxQueryTile * score_stride;
  float* narrow_q = narrow_weights + kMaxQueryTile * score_stride / 2;
  Scores<L, kQueries>(
      args,
      ToLanes<L, kQueries>(q, args.q_stride, args.head_size, 0, narrow_q, (args.head_size + 1) / 2),
      num_blocks, scores, score_stride);
  float inverse_sums[kQueries];
  for (int i = 0; i < kQueries; ++i) {
    float* row = scores + i * score_stride;
    if (args.soft_cap > 0) SoftCap(args.soft_cap, row, keys.EndOf(i));
    inverse_sums[i] = ExpAndSum(row, keys.first, keys.EndOf(i));
  }
  const LaneRows weights = ToLanes<L, kQueries>(scores, score_stride, keys.end, keys.more_each,
                                                narrow_weights, score_stride / 2);
  constexpr int kVectors = AttentionTileVectors(kQueries);
  int column = 0;
  for (; column + kVectors * kLanes <= args.head_size; column += kVectors * kLanes) {
    Mix<L, kQueries, kVectors>(args, weights, inverse_sums, keys, column, out);
  }
  for (; column < args.head_size; column += kLanes) {
    Mix<L, kQueries, 1>(args, weights, inverse_sums, keys, column, out);
  }
}

// Queries [begin, end), the first of which sees `keys` of args.
template <typename L>
void AttendTiles(const AttentionArgs& args, int begin, int end, KeyRange keys) {
  static_assert(kAttentionTileQueries <= kMaxQueryTile);
  int i = begin;
  for (; i + kAttentionTileQueries <= end; i += kAttentionTileQueries) {
    QueryTile<L, kAttentionTileQueries>(args, args.q + i * args.q_stride,
                                        {keys.first, keys.EndOf(i - begin), keys.more_each},
                                        args.out + i * args.out_stride);
  }
  for (; i < end; ++i) {
    QueryTile<L, 1>(args, args.q + i * args.q_stride,
                    {keys.first, keys.EndOf(i - begin), keys.more_each},
                    args.out + i * args.out_stride);
  }
}

// As the queries of a tile begin with one key, those whose window leaves keys out, or that would
// see past the last key, run one at a time, unless they all see the same.
template <typename L>
void AttendAll(const AttentionArgs& args) {
  const int more = args.causal ? 1 : 0;  // Keys that each query sees more than the one before.
  int num_whole = args.num_queries;      // Queries that see all keys so far.
  const int bounds[] = {args.window, args.most_keys};
  for (const int most : bounds) {
    if (most == 0) continue;
    const int fitting = most - args.num_keys + 1;  // If causal.
    num_whole = MinInt(num_whole, args.causal ? fitting : fitting > 0 ? num_whole : 0);
  }
  if (num_whole < 0) num_whole = 0;
  AttendTiles<L>(args, 0, num_whole, {0, args.num_keys, more});
  for (int i = num_whole; i < args.num_queries;) {
    const int so_far = args.num_keys + more * i;
    const int end = args.most_keys == 0 ? so_far : MinInt(so_far, args.most_keys);
    const int first = args.window == 0 || args.window >= so_far ? 0 : so_far - args.window;
    const int block = first / kKeyBlock;
    AttentionArgs part = args;
    part.keys += block * args.key_block_stride;
    part.values += block * args.value_block_stride;
    const int next = args.causal ? i + 1 : args.num_queries;
    AttendTiles<L>(part, i, next, {first - block * kKeyBlock, end - block * kKeyBlock, 0});
    i = next;
  }
}

void Attention(const AttentionArgs& args) {
  if (args.element == KvElement::kBfloat16) return AttendAll<Bfloat16Arithmetic>(args);
  AttendAll<Float32Arithmetic>(args);
}

void StoreFloat32Kv(const StoreKvArgs& args) {
  const int token = args.position % kKeyBlock;
  float* keys = reinterpret_cast<float*>(args.keys) + token;
  for (int d = 0; d < args.head_size; ++d)
    keys[static_cast<ptrdiff_t>(d) * kKeyBlock] = args.key[d];
  float* row = reinterpret_cast<float*>(args.values) +
               static_cast<ptrdiff_t>(token) * PaddedHeadSize(args.head_size);
  for (int d = 0; d < args.head_size; d += kLanes) {
    const int count = MinInt(kLanes, args.head_size - d);
    Store(row + d, LoadFirst(args.value + d, count));  // The row is padded.
  }
}

// The first token of a pair makes the second one's half zero: finite, until it comes.
void StoreBfloat16Kv(const StoreKvArgs& args) {
  const int token = args.position % kKeyBlock;
  char* row = args.values + (token / 2) * PaddedHeadSize(args.head_size) * ptrdiff_t{4};
  for (int d = 0; d < args.head_size; d += kLanes) {
    const int count = MinInt(kLanes, args.head_size - d);
    const IntVec value = Bfloat16Lanes(LoadFirst(args.value + d, count));
    char* lanes = row + d * ptrdiff_t{4};
    StoreInts(lanes, token % 2 == 0 ? value : MergeHalves(LoadInts(lanes), value));

    const IntVec key = Bfloat16Lanes(LoadFirst(args.key + d, count));
    int32_t dimensions[kLanes];
    StoreInts(dimensions, key);
    for (int i = 0; i < count; i += 2) {
      const int32_t pair = dimensions[i] | dimensions[i + 1] << 16;  // Past the last: zero.
      __builtin_memcpy(args.keys + ((d + i) / 2 * kKeyBlock + token) * ptrdiff_t{4}, &pair, 4);
    }
  }
}

void StoreKv(const StoreKvArgs& args) {
  if (args.element == KvElement::kBfloat16) return StoreBfloat16Kv(args);
  StoreFloat32Kv(args);
}

}  // namespace
}  // namespace chorus::runner
