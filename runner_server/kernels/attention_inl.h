#pragma once

#include "runner_server/kernels/attention.h"

namespace chorus {
namespace {

// Keys and values as they lie in the cache.
struct Float32Kv {
  using Element = float;
  static constexpr int kGroup = 1;  // Dimensions of a key side by side.

  static CHORUS_SIMD_INLINE Vec Value(const float* p) { return Load(p); }
};

struct Bfloat16Kv {
  using Element = uint16_t;
  static constexpr int kGroup = 2;

  static CHORUS_SIMD_INLINE Vec Value(const uint16_t* p) { return LoadBfloat16(p); }
};

// sums += one dimension of each query times that of 16 keys, kBlocks times.
template <int kQueries, int kBlocks>
CHORUS_SIMD_INLINE void AddProducts(const float* q, ptrdiff_t q_stride, const Vec (&key)[kBlocks],
                                    Vec (&sums)[kQueries][kBlocks]) {
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
    const Vec x = Set1(q[i * q_stride]);
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) sums[i][j] = Fma(x, key[j], sums[i][j]);
  }
}

template <int kQueries, int kBlocks>
CHORUS_SIMD_INLINE void AddScores(const AttentionArgs& args, const float* q, const float* keys,
                                  Vec (&sums)[kQueries][kBlocks]) {
  const ptrdiff_t block_size = static_cast<ptrdiff_t>(args.head_size) * kKeyBlock;
  for (int d = 0; d < args.head_size; ++d) {
    Vec key[kBlocks];
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) key[j] = Load(keys + j * block_size + d * kKeyBlock);
    AddProducts(q + d, args.q_stride, key, sums);
  }
}

template <int kQueries, int kBlocks>
CHORUS_SIMD_INLINE void AddScores(const AttentionArgs& args, const float* q, const uint16_t* keys,
                                  Vec (&sums)[kQueries][kBlocks]) {
  const ptrdiff_t block_size = static_cast<ptrdiff_t>(args.head_size + 1) / 2 * 2 * kKeyBlock;
  for (int d = 0; d < args.head_size; d += 2) {
    Vec first[kBlocks], second[kBlocks];
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) {
      const IntVec pair = LoadInts(keys + j * block_size + d * kKeyBlock);
      first[j] = FirstBfloat16(pair);
      second[j] = SecondBfloat16(pair);
    }
    AddProducts(q + d, args.q_stride, first, sums);
    if (d + 1 < args.head_size) AddProducts(q + d + 1, args.q_stride, second, sums);
  }
}

// Scores of kQueries queries against kBlocks blocks of keys; every score sums over d = 0 ... in
// turn.
template <typename Kv, int kQueries, int kBlocks>
CHORUS_SIMD_INLINE void ScoreBlocks(const AttentionArgs& args, const float* q, int block,
                                    float* scores, ptrdiff_t score_stride) {
  const int padded_size = (args.head_size + Kv::kGroup - 1) / Kv::kGroup * Kv::kGroup;
  Vec sums[kQueries][kBlocks];
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) sums[i][j] = Set1(0.0f);
  }
  AddScores(args, q,
            static_cast<const typename Kv::Element*>(args.keys) +
                static_cast<ptrdiff_t>(block) * padded_size * kKeyBlock,
            sums);
  const Vec scale = Set1(args.scale);
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kBlocks; ++j) {
      Store(scores + i * score_stride + (block + j) * kKeyBlock, Mul(sums[i][j], scale));
    }
  }
}

template <typename Kv, int kQueries>
CHORUS_SIMD_INLINE void Scores(const AttentionArgs& args, const float* q, int num_blocks,
                               float* scores, ptrdiff_t score_stride) {
  int block = 0;
  for (; block + kAttentionTileVectors <= num_blocks; block += kAttentionTileVectors) {
    ScoreBlocks<Kv, kQueries, kAttentionTileVectors>(args, q, block, scores, score_stride);
  }
  for (; block < num_blocks; ++block) {
    ScoreBlocks<Kv, kQueries, 1>(args, q, block, scores, score_stride);
  }
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
    const Vec weight = Exp(Sub(Load(scores + t), top));
    Store(scores + t, weight);
    sum = Add(sum, weight);
  }
  if (rest > 0) {
    const Vec weight = KeepFirst(Exp(Sub(Load(scores + num_whole), top)), rest, 0.0f);
    Store(scores + num_whole, weight);
    sum = Add(sum, weight);
  }
  return 1.0f / ReduceAdd(sum);
}

// out = weights times values, for kVectors * 16 columns from `column`. The first num_keys tokens
// are read once for all queries; when causal, query i goes on alone for i tokens more.
template <typename Kv, int kQueries, int kVectors>
CHORUS_SIMD_INLINE void Mix(const AttentionArgs& args, const float* scores, ptrdiff_t score_stride,
                            const float* inverse_sums, int num_keys, int column, float* out) {
  Vec sums[kQueries][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[i][v] = Set1(0.0f);
  }
  const auto* values = static_cast<const typename Kv::Element*>(args.values) + column;
  for (int t = 0; t < num_keys; ++t, values += args.value_stride) {
    Vec value[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) value[v] = Kv::Value(values + v * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kQueries; ++i) {
      const Vec weight = Set1(scores[i * score_stride + t]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[i][v] = Fma(weight, value[v], sums[i][v]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; ++i) {
    for (int t = num_keys; args.causal && t < num_keys + i; ++t) {
      const Vec weight = Set1(scores[i * score_stride + t]);
      const auto* value = values + (t - num_keys) * args.value_stride;  // values is at num_keys.
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        sums[i][v] = Fma(weight, Kv::Value(value + v * kLanes), sums[i][v]);
      }
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
template <typename Kv, int kQueries>
void QueryTile(const AttentionArgs& args, const float* q, int num_keys, float* out) {
  const int most_keys = num_keys + (args.causal ? kQueries - 1 : 0);
  const int num_blocks = (most_keys + kKeyBlock - 1) / kKeyBlock;
  const ptrdiff_t score_stride = static_cast<ptrdiff_t>(num_blocks) * kKeyBlock;
  Scores<Kv, kQueries>(args, q, num_blocks, args.scores, score_stride);
  float inverse_sums[kQueries];
  for (int i = 0; i < kQueries; ++i) {
    inverse_sums[i] = ExpAndSum(args.scores + i * score_stride, num_keys + (args.causal ? i : 0));
  }
  int column = 0;
  for (; column + kAttentionTileVectors * kLanes <= args.head_size;
       column += kAttentionTileVectors * kLanes) {
    Mix<Kv, kQueries, kAttentionTileVectors>(args, args.scores, score_stride, inverse_sums,
                                             num_keys, column, out);
  }
  for (; column < args.head_size; column += kLanes) {
    Mix<Kv, kQueries, 1>(args, args.scores, score_stride, inverse_sums, num_keys, column, out);
  }
}

template <typename Kv>
void AttendAll(const AttentionArgs& args) {
  static_assert(kAttentionTileQueries <= kMaxQueryTile);
  int i = 0;
  for (; i + kAttentionTileQueries <= args.num_queries; i += kAttentionTileQueries) {
    QueryTile<Kv, kAttentionTileQueries>(args, args.q + i * args.q_stride,
                                         args.num_keys + (args.causal ? i : 0),
                                         args.out + i * args.out_stride);
  }
  for (; i < args.num_queries; ++i) {
    QueryTile<Kv, 1>(args, args.q + i * args.q_stride, args.num_keys + (args.causal ? i : 0),
                     args.out + i * args.out_stride);
  }
}

void Attention(const AttentionArgs& args) {
  if (args.element == KvElement::kBfloat16) return AttendAll<Bfloat16Kv>(args);
  AttendAll<Float32Kv>(args);
}

}  // namespace
}  // namespace chorus
