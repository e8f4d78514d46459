#pragma once

// Softmax attention of one head: queries over the keys and values of one sequence.
//
// Layout: keys in blocks of 16 tokens, so that 16 scores come from whole vectors: in fp32
// [ceil(T / 16)][head_size][16], in bf16 [ceil(T / 16)][ceil(head_size / 2)][16][2], the second of
// the last pair of an odd head size zero. Values are one row a token in both.
//
// Batch invariance: what a query gets depends on its number of keys and on those keys and values
// alone, to the bit; neither on the other queries of the call nor on what lies behind its last key.

#include <cstddef>
#include <cstdint>

namespace chorus {

inline constexpr int kKeyBlock = 16;
inline constexpr int kMaxQueryTile = 4;  // Queries a kernel may treat together.

// Elements from one value row to the next at least; the padding is read, and what is read of it is
// thrown away.
inline constexpr int PaddedHeadSize(int head_size) { return (head_size + 15) / 16 * 16; }
inline constexpr int PaddedKeys(int num_keys) { return (num_keys + 15) / 16 * 16; }

enum class KvElement : uint8_t { kFloat32, kBfloat16 };

struct AttentionArgs {
  const float* q = nullptr;  // [num_queries, head_size]
  ptrdiff_t q_stride = 0;
  int num_queries = 0;
  int head_size = 0;
  float scale = 1;  // Multiplies the scores before the softmax.
  KvElement element = KvElement::kFloat32;
  const void* keys = nullptr;    // Blocked, as above; entries past the last key may hold anything.
  const void* values = nullptr;  // Row t at values + t * value_stride.
  ptrdiff_t value_stride = 0;    // Each row is readable for PaddedHeadSize(head_size) elements.
  int num_keys = 0;              // Keys the first query sees. >= 1.
  bool causal = false;           // Each further query sees one key more.
  float* scores = nullptr;  // Scratch, kMaxQueryTile * PaddedKeys(keys of the last query) elements.
  float* out = nullptr;     // [num_queries, head_size]
  ptrdiff_t out_stride = 0;
};

}  // namespace chorus
