#include "runner_server/model/kv_cache.h"

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus {

absl::StatusOr<KvCache> KvCache::Create(const Shape& shape) {
  KvCache cache;
  cache.shape_ = shape;
  cache.value_stride_ = PaddedHeadSize(shape.head_size);
  const bool narrow = shape.element == KvElement::kBfloat16;
  const size_t element_bytes = narrow ? sizeof(uint16_t) : sizeof(float);
  const size_t key_size = narrow ? (shape.head_size + 1) / 2 * 2 : shape.head_size;
  cache.keys_bytes_ = PaddedKeys(shape.context_size) * key_size * element_bytes;
  cache.values_bytes_ =
      static_cast<size_t>(shape.context_size) * cache.value_stride_ * element_bytes;
  size_t size = cache.keys_bytes_ + cache.values_bytes_;
  for (const int count : {shape.num_slots, shape.num_layers, shape.num_heads}) {
    if (__builtin_mul_overflow(size, static_cast<size_t>(count), &size)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no address space for a KV cache of ", shape.num_slots, " slots"));
    }
  }
  ASSIGN_OR_RETURN(cache.memory_,
                   MemoryRegion::Create(size, MemoryRegion::Paging::kLazy, "the KV cache"));
  return cache;
}

void KvCache::Store(int slot, int layer, int head, int position, const float* key,
                    const float* value) const {
  const int head_size = shape_.head_size;
  const ptrdiff_t value_at = static_cast<ptrdiff_t>(position) * value_stride_;
  char* keys = Keys(slot, layer, head);
  char* values = Values(slot, layer, head);
  if (shape_.element == KvElement::kFloat32) {
    StoreKey(key, head_size, position, reinterpret_cast<float*>(keys));
    std::memcpy(reinterpret_cast<float*>(values) + value_at, value, head_size * sizeof(float));
  } else {
    StoreKey(key, head_size, position, reinterpret_cast<uint16_t*>(keys));
    // The zero after an odd head size lies in the padding.
    Kernels().to_bfloat16(value, head_size, reinterpret_cast<uint16_t*>(values) + value_at);
  }
}

void StoreKey(const float* key, int head_size, int position, float* keys) {
  float* lane = keys + static_cast<ptrdiff_t>(position / kKeyBlock) * head_size * kKeyBlock +
                position % kKeyBlock;
  for (int d = 0; d < head_size; ++d) lane[static_cast<ptrdiff_t>(d) * kKeyBlock] = key[d];
}

void StoreKey(const float* key, int head_size, int position, uint16_t* keys) {
  constexpr int kPiece = 64;  // Converted at a time; even.
  const ptrdiff_t num_pairs = (head_size + 1) / 2;
  uint16_t* lane =
      keys + ((position / kKeyBlock) * num_pairs * kKeyBlock + position % kKeyBlock) * 2;
  for (int d = 0; d < head_size; d += kPiece) {
    uint16_t narrow[kPiece];
    const int count = std::min(kPiece, head_size - d);
    Kernels().to_bfloat16(key + d, count, narrow);
    for (int i = 0; i < count; i += 2) {
      std::memcpy(lane + static_cast<ptrdiff_t>(d + i) * kKeyBlock, narrow + i, 2 * sizeof(*lane));
    }
  }
}

}  // namespace chorus
