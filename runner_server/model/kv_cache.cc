#include "runner_server/model/kv_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus {
namespace {

constexpr int64_t kPageBytes = 4096;

// Gives back the whole pages within [begin, end).
void ReleasePages(char* begin, char* end) {
  const auto past_a_page = [](char* p) { return reinterpret_cast<uintptr_t>(p) % kPageBytes; };
  begin += (kPageBytes - past_a_page(begin)) % kPageBytes;
  end -= past_a_page(end);
  if (begin < end) madvise(begin, end - begin, MADV_DONTNEED);
}

}  // namespace

absl::StatusOr<KvCache> KvCache::Create(const Shape& shape) {
  KvCache cache;
  cache.shape_ = shape;
  cache.key_bytes_ = KeyBlockBytes(shape.element, shape.head_size);
  cache.value_bytes_ = ValueBlockBytes(shape.element, shape.head_size);
  cache.block_bytes_ = (cache.key_bytes_ + cache.value_bytes_) * shape.num_heads;
  size_t size = cache.block_bytes_;
  for (const int count : {shape.num_slots, shape.num_layers, cache.blocks_per_layer()}) {
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
  char* keys =
      Layer(slot, layer) + position / kKeyBlock * block_bytes_ + head * (key_bytes_ + value_bytes_);
  Kernels().store_kv({.element = shape_.element,
                      .head_size = shape_.head_size,
                      .position = position,
                      .key = key,
                      .value = value,
                      .keys = keys,
                      .values = keys + key_bytes_});
}

void KvCache::Bind(int slot, int layer, int head, AttentionArgs& args) const {
  args.element = shape_.element;
  args.keys = Layer(slot, layer) + head * (key_bytes_ + value_bytes_);
  args.key_block_stride = block_bytes_;
  args.values = args.keys + key_bytes_;
  args.value_block_stride = block_bytes_;
  args.value_row_stride = ptrdiff_t{4} * PaddedHeadSize(shape_.head_size);
}

int64_t KvCache::bytes_per_token() const {
  return int64_t{block_bytes_} / kKeyBlock * shape_.num_layers;
}

int KvCache::block_tokens() const {
  const int64_t blocks = kPageBytes / std::gcd(kPageBytes, int64_t{block_bytes_});
  return kKeyBlock * static_cast<int>(std::min<int64_t>(blocks, blocks_per_layer()));
}

void KvCache::CopyPrefix(int from_slot, int to_slot, int layer, int num_tokens) const {
  std::memcpy(Layer(to_slot, layer), Layer(from_slot, layer),
              PaddedKeys(num_tokens) / kKeyBlock * block_bytes_);
}

void KvCache::Release(int slot, int num_kept_tokens) const {
  if (num_kept_tokens == 0) {  // In one call, the pages that layers share included.
    return ReleasePages(Layer(slot, 0), Layer(slot, shape_.num_layers));
  }
  const ptrdiff_t kept = PaddedKeys(num_kept_tokens) / kKeyBlock * block_bytes_;
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    ReleasePages(Layer(slot, layer) + kept, Layer(slot, layer + 1));
  }
}

}  // namespace chorus
