#include "runner_server/model/kv_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/kernels/attention.h"

namespace chorus {
namespace {

constexpr int64_t kPageBytes = 4096;

// Gives back the whole pages within [begin, end).
void ReleasePages(float* begin, float* end) {
  const auto first = (reinterpret_cast<uintptr_t>(begin) + kPageBytes - 1) / kPageBytes;
  const auto last = reinterpret_cast<uintptr_t>(end) / kPageBytes;
  if (first >= last) return;
  madvise(reinterpret_cast<void*>(first * kPageBytes), (last - first) * kPageBytes, MADV_DONTNEED);
}

// The least number of rows of `row_bytes` each that end where a page ends.
int RowsOfWholePages(int64_t row_bytes) {
  return static_cast<int>(kPageBytes / std::gcd(kPageBytes, row_bytes));
}

}  // namespace

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

int64_t KvCache::bytes_per_token() const {
  return static_cast<int64_t>(sizeof(float)) * (shape_.head_size + value_stride_) *
         shape_.num_layers * shape_.num_heads;
}

int KvCache::block_tokens() const {
  const int64_t element_bytes = sizeof(float);
  const int whole_pages = std::lcm(RowsOfWholePages(element_bytes * shape_.head_size),
                                   RowsOfWholePages(element_bytes * value_stride_));
  return std::min(std::lcm(kKeyBlock, whole_pages), PaddedKeys(shape_.context_size));
}

void KvCache::CopyPrefix(int from_slot, int to_slot, int layer, int head, int num_tokens) const {
  std::memcpy(Keys(to_slot, layer, head), Keys(from_slot, layer, head),
              sizeof(float) * PaddedKeys(num_tokens) * shape_.head_size);
  std::memcpy(Values(to_slot, layer, head), Values(from_slot, layer, head),
              sizeof(float) * num_tokens * value_stride_);
}

void KvCache::Release(int slot, int num_kept_tokens) const {
  if (num_kept_tokens == 0) {  // In one call, the pages that heads share included.
    ReleasePages(Keys(slot, 0, 0), Keys(slot + 1, 0, 0));
    return;
  }
  const ptrdiff_t kept_keys =
      static_cast<ptrdiff_t>(PaddedKeys(num_kept_tokens)) * shape_.head_size;
  const ptrdiff_t kept_values = static_cast<ptrdiff_t>(num_kept_tokens) * value_stride_;
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    for (int head = 0; head < shape_.num_heads; ++head) {
      float* keys = Keys(slot, layer, head);
      float* values = Values(slot, layer, head);
      ReleasePages(keys + kept_keys, values);
      ReleasePages(values + kept_values, values + values_size_);
    }
  }
}

void StoreKey(const float* key, int head_size, int position, float* keys) {
  float* lane = keys + static_cast<ptrdiff_t>(position / kKeyBlock) * head_size * kKeyBlock +
                position % kKeyBlock;
  for (int d = 0; d < head_size; ++d) lane[static_cast<ptrdiff_t>(d) * kKeyBlock] = key[d];
}

}  // namespace chorus
