#pragma once

// Softmax attention of one head: queries over the keys and values of one sequence.
//
// Layout: keys and values lie in blocks of 16 tokens, so that 16 scores fill whole vectors. A block
// consists of 32-bit lanes of v elements, v = 1 for fp32 and 2 for bf16:
//   keys    [ceil(head_size / v)][16][v]   dimensions of a key side by side
//   values  [16 / v][head_size, padded][v] tokens side by side
// Padding elements of a lane hold finite numbers.
//
// In bf16 the queries and the weights after the softmax are rounded to bf16 too; sums are fp32.
//
// Batch invariance: a query's result depends, to the bit, only on its keys and values; neither on
// the other queries of the call nor on what follows its last key.

#include <cstddef>
#include <cstdint>

#include "runner_server/kernels/precision.h"

namespace chorus::runner {

enum class KvElement : uint8_t { kFloat32, kBfloat16 };

// The KV precision of a model with weights of this precision.
inline constexpr KvElement KvElementOf(Precision precision) {
  return precision == Precision::kFloat32 ? KvElement::kFloat32 : KvElement::kBfloat16;
}

inline constexpr int kKeyBlock = 16;
inline constexpr int kMaxQueryTile = 4;  // Most queries that a kernel computes together.

// Elements allocated for a value's row. Padding is read and ignored.
inline constexpr int PaddedHeadSize(int head_size) { return (head_size + 15) / 16 * 16; }
inline constexpr int PaddedKeys(int num_keys) { return (num_keys + 15) / 16 * 16; }

// Bytes of one head's keys, and of its values, in one block.
inline constexpr ptrdiff_t KeyBlockBytes(KvElement element, int head_size) {
  return ptrdiff_t{4} * kKeyBlock *
         (element == KvElement::kBfloat16 ? (head_size + 1) / 2 : head_size);
}
inline constexpr ptrdiff_t ValueBlockBytes(KvElement element, int head_size) {
  return ptrdiff_t{element == KvElement::kBfloat16 ? 2 : 4} * kKeyBlock * PaddedHeadSize(head_size);
}

// Floats of scratch for a call whose last query sees `num_keys`.
inline constexpr size_t AttentionScratchSize(int head_size, int num_keys) {
  return static_cast<size_t>(kMaxQueryTile) *
         (PaddedKeys(num_keys) * 3 / 2 + PaddedHeadSize(head_size) / 2);
}

struct AttentionArgs {
  const float* q = nullptr;  // [num_queries, head_size]
  ptrdiff_t q_stride = 0;
  int num_queries = 0;
  int head_size = 0;
  float scale = 1;     // Multiplies the scores before the softmax.
  float soft_cap = 0;  // Scores are capped to soft_cap * tanh(score / soft_cap); 0: not.
  KvElement element = KvElement::kFloat32;
  const char* keys = nullptr;        // Blocks, the first token's first; entries past the last key
  ptrdiff_t key_block_stride = 0;    // may hold anything. Bytes from block to block.
  const char* values = nullptr;      // Likewise.
  ptrdiff_t value_block_stride = 0;  // Bytes from block to block,
  ptrdiff_t value_row_stride = 0;    // and from row to row (of v tokens) in a block.
  int num_keys = 0;                  // Keys the first query sees. >= 1.
  bool causal = false;               // Each further query sees one key more,
  int most_keys = 0;                 // but none past these; 0: no such end.
  int window = 0;                    // Of the keys so far the last so many are seen; 0: all. Keys
                                     // past most_keys count.
  float* scratch = nullptr;          // [AttentionScratchSize]
  float* out = nullptr;              // [num_queries, head_size]
  ptrdiff_t out_stride = 0;
};

// Stores a token's key and value into one head's part of its block.
struct StoreKvArgs {
  KvElement element = KvElement::kFloat32;
  int head_size = 0;
  int position = 0;              // In the sequence. Positions are stored in order.
  const float* key = nullptr;    // [head_size]
  const float* value = nullptr;  // [head_size]
  char* keys = nullptr;          // [KeyBlockBytes]
  char* values = nullptr;        // [ValueBlockBytes]
};

}  // namespace chorus::runner
