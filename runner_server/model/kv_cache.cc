#include "runner_server/model/kv_cache.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/kernels/attention.h"

namespace chorus {

absl::StatusOr<KvCache> KvCache::Create(const Shape& shape) {
  KvCache cache;
  cache.shape_ = shape;
  cache.value_stride_ = PaddedHeadSize(shape.head_size);
  cache.keys_size_ = static_cast<size_t>(PaddedKeys(shape.context_size)) * shape.head_size;
  cache.values_size_ = static_cast<size_t>(shape.context_size) * cache.value_stride_;
  size_t size = (cache.keys_size_ + cache.values_size_) * sizeof(float);
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

void StoreKey(const float* key, int head_size, int position, float* keys) {
  float* lane = keys + static_cast<ptrdiff_t>(position / kKeyBlock) * head_size * kKeyBlock +
                position % kKeyBlock;
  for (int d = 0; d < head_size; ++d) lane[static_cast<ptrdiff_t>(d) * kKeyBlock] = key[d];
}

}  // namespace chorus
