#pragma once

// Keys and values of past tokens: a fixed number of slots, one sequence each, contiguous per slot.
//
// A slot's address range is its whole context, or, under a cap, grows with its sequence and may
// move. Memory is committed page by page as tokens are written, so a slot costs what its longest
// sequence since the last Release used. Within a slot: [block of 16 tokens][layer][head]{keys |
// values}, laid out as attention.h reads them.
// Thread safety: different (slot, layer, head) may be stored, bound and copied concurrently;
// Reserve and Release by one thread, with no other call in progress.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/kernels/attention.h"
#include "runner_server/kernels/memory_region.h"

namespace chorus::runner {

class KvCache {
 public:
  struct Shape {
    int num_slots = 0;
    int num_layers = 0;
    int num_heads = 0;  // Of keys and values.
    int head_size = 0;
    int context_size = 0;  // Most tokens of a slot.
    KvElement element = KvElement::kFloat32;
    int64_t max_bytes = 0;  // Cap on all slots, kept to by the caller. 0: none.
  };

  // RESOURCE_EXHAUSTED, naming the flags to reduce, if the kernel refuses addresses for every
  // slot's context, or for 1.25 times `max_bytes` if that is less.
  static absl::StatusOr<KvCache> Create(const Shape& shape);

  // Reserves addresses for the first `num_tokens` tokens of a slot, before they are stored, copied
  // to or bound. Throws std::bad_alloc if the kernel refuses, which happens only under a cap.
  void Reserve(int slot, int num_tokens);

  // Writes the key and the value, [head_size] each, of the token at `position`; those of a sequence
  // in order.
  void Store(int slot, int layer, int head, int position, const float* key,
             const float* value) const;

  // Points the arguments of an attention at a head's keys and values.
  void Bind(int slot, int layer, int head, AttentionArgs& args) const;

  int64_t bytes_per_token() const;
  // The granularity of commits: n tokens commit at most the bytes of n rounded up to a multiple of
  // this.
  int block_tokens() const;

  // Copies one layer's keys and values of the first `num_tokens` tokens, in whole blocks; the rest
  // of the last block is ignored.
  void CopyPrefix(int from_slot, int to_slot, int layer, int num_tokens) const;

  // Returns memory and addresses of `slot` beyond its first `num_kept_tokens` tokens to the system.
  void Release(int slot, int num_kept_tokens);

 private:
  int64_t BlockBytes() const { return int64_t{block_bytes_} * shape_.num_layers; }  // All layers'.
  size_t SlotBytes(int num_tokens) const {
    return PaddedKeys(num_tokens) / kKeyBlock * BlockBytes();
  }
  // One layer's part of the block that has `position`.
  char* Block(int slot, int layer, int position) const {
    return slots_[slot].data() + position / kKeyBlock * BlockBytes() + layer * block_bytes_;
  }

  Shape shape_;
  ptrdiff_t key_bytes_ = 0;    // Of one head's keys in a block,
  ptrdiff_t value_bytes_ = 0;  // and values;
  ptrdiff_t block_bytes_ = 0;  // of all heads'.
  std::vector<MemoryRegion> slots_;
};

}  // namespace chorus::runner
