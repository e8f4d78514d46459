#pragma once

// Keys and values of past tokens: a fixed number of slots, one sequence each, contiguous per slot.
//
// Memory is reserved whole and committed page by page as tokens are written, so a slot costs what
// its longest sequence since the last Release has used. Within a slot: [layer][block of 16
// tokens][head]{keys | values}, laid out as attention.h reads them.
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

  // Writes the key and the value, [head_size] each, of the token at `position`; those of a sequence
  // in order.
  void Store(int slot, int layer, int head, int position, const float* key,
             const float* value) const;

  // Points the arguments of an attention at a head's keys and values.
  void Bind(int slot, int layer, int head, AttentionArgs& args) const;

  int64_t bytes_per_token() const;
  // The least number of tokens that end where a page ends, or a whole slot: n tokens commit at most
  // the bytes of n, rounded up to this.
  int block_tokens() const;

  // Copies one layer's keys and values of the first `num_tokens` tokens. What follows them in the
  // last block comes along, and counts for nothing.
  void CopyPrefix(int from_slot, int to_slot, int layer, int num_tokens) const;

  // Gives back the pages of `slot` that hold none of its first `num_kept_tokens` tokens; they read
  // as zeros from then on.
  void Release(int slot, int num_kept_tokens) const;

 private:
  int blocks_per_layer() const { return PaddedKeys(shape_.context_size) / kKeyBlock; }
  // One layer's blocks. `layer` may be the number of layers: the end.
  char* Layer(int slot, int layer) const {
    return memory_.data() + (static_cast<size_t>(slot) * shape_.num_layers + layer) *
                                blocks_per_layer() * block_bytes_;
  }

  Shape shape_;
  ptrdiff_t key_bytes_ = 0;    // Of one head's keys in a block,
  ptrdiff_t value_bytes_ = 0;  // and values;
  ptrdiff_t block_bytes_ = 0;  // of all heads'.
  MemoryRegion memory_;
};

}  // namespace chorus
