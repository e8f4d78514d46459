#pragma once

// Keys and values of past tokens: a fixed number of slots, one sequence each, contiguous per slot.
//
// Memory is reserved whole and committed page by page as tokens are written, so a slot costs what
// its longest sequence so far has used. Within a slot: [layer][head]{keys | values}, laid out as
// attention.h reads them.
// Thread safety: different (slot, layer, head) may be written at once.

#include <cstddef>

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
