#pragma once

// Keys and values of past tokens: a fixed number of slots, one sequence each, contiguous per slot.
//
// Memory is reserved whole and committed page by page as tokens are written, so a slot costs what
// its longest sequence so far has used. Within a slot: [layer][head]{keys | values}, laid out as
// attention.h reads them.
// Thread safety: different (slot, layer, head) may be written at once.

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "runner_server/kernels/attention.h"
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
    KvElement element = KvElement::kFloat32;
  };

  // RESOURCE_EXHAUSTED if the addresses cannot be reserved.
  static absl::StatusOr<KvCache> Create(const Shape& shape);

  // Writes the key and the value, [head_size] each, of the token at `position`.
  void Store(int slot, int layer, int head, int position, const float* key,
             const float* value) const;

  char* Keys(int slot, int layer, int head) const {
    return memory_.data() + HeadIndex(slot, layer, head) * (keys_bytes_ + values_bytes_);
  }
  char* Values(int slot, int layer, int head) const {
    return Keys(slot, layer, head) + keys_bytes_;
  }
  KvElement element() const { return shape_.element; }
  // Elements from one token's values to the next's.
  int value_stride() const { return value_stride_; }

 private:
  size_t HeadIndex(int slot, int layer, int head) const {
    return (static_cast<size_t>(slot) * shape_.num_layers + layer) * shape_.num_heads + head;
  }

  Shape shape_;
  int value_stride_ = 0;
  size_t keys_bytes_ = 0;    // Of one head's keys,
  size_t values_bytes_ = 0;  // and values.
  MemoryRegion memory_;
};

// Copies one token's key, [head_size], to its place among blocked keys of fp32 or bf16.
void StoreKey(const float* key, int head_size, int position, float* keys);
void StoreKey(const float* key, int head_size, int position, uint16_t* keys);

}  // namespace chorus
