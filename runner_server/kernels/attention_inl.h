#pragma once

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

// Turns scores into weights that are not yet divided by their sum; returns one over the sum.
CHORUS_SIMD_INLINE float ExpAndSum(float* scores, int num_keys) {
  const int num_whole = num_keys / kLanes * kLanes;
  const int rest = num_keys - num_whole;
  Vec max = Set1(-__builtin_inff());
  for (int t = 0; t < num_whole; t += kLanes) max = Max(max, Load(scores + t));
  if (rest > 0) max = Max(max, KeepFirst(Load(scores + num_whole), rest, -__builtin_inff()));
  const Vec top = Set1(ReduceMax(max));

  Vec sum = Set1(0.0f);
  for (int t = 0; t < num_whole; t += kLanes) {
    const Vec weight = Weight(Load(scores + t), top);
    Store(scores + t, weight);
    sum = Add(sum, weight);
  }
  if (rest > 0) {
    const Vec weight = KeepFirst(Weight(Load(scores + num_whole), top), rest, 0.0f);
    Store(scores + num_whole, weight);
    sum = Add(sum, weight);
  }
  return 1.0f / ReduceAdd(sum);
}

// out = weights times values, for kVectors * 16 columns from `column`. The rows that all queries
// see whole are read once for all; when causal, each query goes on alone to its own end.
template <typename L, int kQueries, int kVectors>
CHORUS_SIMD_INLINE void Mix(const AttentionArgs& args, LaneRows weights, const float* inverse_sums,
                            int num_keys, int column, float* out) {
  constexpr int kBlockRows = kKeyBlock / L::kPerLane;
  Vec sums[kQueries][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[i][v] = Set1(0.0f);
  }
  const char* values = args.values + column * ptrdiff_t{4};
  const int num_common = num_keys / L::kPerLane;
  for (int first = 0; first < num_common; first += kBlockRows, values += args.value_block_stride) {
    const int count = MinInt(kBlockRows, num_common - first);
    for (int row = 0; row < count; ++row) {
      AddProducts<L, kQueries, kVectors>(weights.Lane(first + row), weights.stride_bytes(),
                                         values + row * args.value_row_stride, kVectorBytes, sums);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
    const int keys = num_keys + (args.causal ? i : 0);
    for (int row = num_common; row < (keys + L::kPerLane - 1) / L::kPerLane; ++row) {
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

// kQueries queries, the first of which sees num_keys keys.
template <typename L, int kQueries>
void QueryTile(const AttentionArgs& args, const float* q, int num_keys, float* out) {
  const int more = args.causal ? 1 : 0;  // Keys that each query sees more than the one before.
  const int num_blocks = (num_keys + more * (kQueries - 1) + kKeyBlock - 1) / kKeyBlock;
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
    inverse_sums[i] = ExpAndSum(scores + i * score_stride, num_keys + more * i);
  }
  const LaneRows weights =
      ToLanes<L, kQueries>(scores, score_stride, num_keys, more, narrow_weights, score_stride / 2);
  constexpr int kVectors = AttentionTileVectors(kQueries);
  int column = 0;
  for (; column + kVectors * kLanes <= args.head_size; column += kVectors * kLanes) {
    Mix<L, kQueries, kVectors>(args, weights, inverse_sums, num_keys, column, out);
  }
  for (; column < args.head_size; column += kLanes) {
    Mix<L, kQueries, 1>(args, weights, inverse_sums, num_keys, column, out);
  }
}

template <typename L>
void AttendAll(const AttentionArgs& args) {
  static_assert(kAttentionTileQueries <= kMaxQueryTile);
  int i = 0;
  for (; i + kAttentionTileQueries <= args.num_queries; i += kAttentionTileQueries) {
    QueryTile<L, kAttentionTileQueries>(args, args.q + i * args.q_stride,
                                        args.num_keys + (args.causal ? i : 0),
                                        args.out + i * args.out_stride);
  }
  for (; i < args.num_queries; ++i) {
    QueryTile<L, 1>(args, args.q + i * args.q_stride, args.num_keys + (args.causal ? i : 0),
                    args.out + i * args.out_stride);
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
