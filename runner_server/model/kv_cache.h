#pragma once

// Keys and values of past tokens: a fixed number of slots, one sequence each, contiguous per slot.
//
// Memory is reserved whole and committed page by page as tokens are written, so a slot costs what
// its longest sequence since the last Release has used. Within a slot: [layer][head]{keys |
// values}, laid out as attention.h reads them. Thread safety: different (slot, layer, head) may be
// written at once.

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "runner_server/kernels/memory_region.h"

namespace chorus {

class KvCache {
 public:
  struct Shape {
    int num_slots = 0;
    int num_layers = 0;
    int num_heads = 0;
    int head_size = 0;
    int context_size = 0;  // Most tokens of a slot.
  };

  // RESOURCE_EXHAUSTED if the addresses cannot be reserved.
  static absl::StatusOr<KvCache> Create(const Shape& shape);

  float* Keys(int slot, int layer, int head) const {
    return memory_.floats() + HeadIndex(slot, layer, head) * (keys_size_ + values_size_);
  }
  float* Values(int slot, int layer, int head) const {
    return Keys(slot, layer, head) + keys_size_;
  }
  // Elements from one token's values to the next's.
  int value_stride() const { return value_stride_; }

  int64_t bytes_per_token() const;
  // The least number of tokens whose keys and values fill whole pages and key blocks, or a whole
  // slot: n tokens commit at most the bytes of n, rounded up to this, where a head's keys and
  // values begin with a page (any head size that is a multiple of 64 and context that is one of
  // 16).
  int block_tokens() const;

  // Copies one head's keys and values of the first `num_tokens` tokens. What follows them in the
  // last block of keys comes along, and counts for nothing.
  void CopyPrefix(int from_slot, int to_slot, int layer, int head, int num_tokens) const;

  // Gives back the pages of `slot` that hold none of its first `num_kept_tokens` tokens; they read
  // as zeros from then on.
  void Release(int slot, int num_kept_tokens) const;

 private:
  size_t HeadIndex(int slot, int layer, int head) const {
    return (static_cast<size_t>(slot) * shape_.num_layers + layer) * shape_.num_heads + head;
  }

  Shape shape_;
  int value_stride_ = 0;
  size_t keys_size_ = 0;    // Elements of one head's keys,
  size_t values_size_ = 0;  // and values.
  MemoryRegion memory_;
};

// Copies one token's key, [head_size], to its place among blocked keys.
void StoreKey(const float* key, int head_size, int position, float* keys);

}  // namespace chorus
