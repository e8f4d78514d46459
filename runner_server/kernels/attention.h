#pragma once

// Softmax attention of one head: queries over the keys and values of one sequence.
//
// Layout: keys and values come in blocks of 16 tokens, so that 16 scores come from whole vectors. A
// block is made of lanes of 32 bits, v = 1 element of fp32 or 2 of bf16 each:
//   keys    [ceil(head_size / v)][16][v]   dimensions of a key side by side
//   values  [16 / v][head_size, padded][v] tokens side by side
// Where a lane has a dimension or a token too many it holds a finite number there.
//
// In bf16 the queries and the weights after the softmax are rounded to bf16 too; sums are fp32.
//
// Batch invariance: what a query gets depends on its number of keys and on those keys and values
// alone, to the bit; neither on the other queries of the call nor on what lies behind its last key.

#include <cstddef>
#include <cstdint>

#include "runner_server/kernels/precision.h"

namespace chorus::runner {

enum class KvElement : uint8_t { kFloat32, kBfloat16 };

// What a model with weights of this precision attends in.
inline constexpr KvElement KvElementOf(Precision precision) {
  return precision == Precision::kFloat32 ? KvElement::kFloat32 : KvElement::kBfloat16;
}

inline constexpr int kKeyBlock = 16;
inline constexpr int kMaxQueryTile = 4;  // Queries a kernel may treat together.

// Elements in a value's row at least; the padding is read, and what is read of it is thrown away.
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

// Floats of scratch that a call needs whose last query sees `num_keys`.
inline constexpr size_t AttentionScratchSize(int head_size, int num_keys) {
  return static_cast<size_t>(kMaxQueryTile) *
         (PaddedKeys(num_keys) * 3 / 2 + PaddedHeadSize(head_size) / 2);
}

struct AttentionArgs {
  const float* q = nullptr;  // [num_queries, head_size]
  ptrdiff_t q_stride = 0;
  int num_queries = 0;
  int head_size = 0;
  float scale = 1;  // Multiplies the scores before the softmax.
  KvElement element = KvElement::kFloat32;
  const char* keys = nullptr;        // Blocks, the first token's first; entries past the last key
  ptrdiff_t key_block_stride = 0;    // may hold anything. Bytes from block to block.
  const char* values = nullptr;      // Likewise.
  ptrdiff_t value_block_stride = 0;  // Bytes from block to block,
  ptrdiff_t value_row_stride = 0;    // and from row to row (of v tokens) in a block.
  int num_keys = 0;                  // Keys the first query sees. >= 1.
  bool causal = false;               // Each further query sees one key more.
  float* scratch = nullptr;          // [AttentionScratchSize]
  float* out = nullptr;              // [num_queries, head_size]
  ptrdiff_t out_stride = 0;
};

// Where a token's key and value go: one head's part of the block that has the token's position.
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
