#include "runner_server/model/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {
namespace {

constexpr int64_t kPageBytes = 4096;

// How much more addresses than tokens a slot has after it grew, so that it moves rarely.
int64_t WithSlack(int64_t size) { return size + size / 4; }

}  // namespace

absl::StatusOr<KvCache> KvCache::Create(const Shape& shape) {
  KvCache cache;
  cache.shape_ = shape;
  cache.key_bytes_ = KeyBlockBytes(shape.element, shape.head_size);
  cache.value_bytes_ = ValueBlockBytes(shape.element, shape.head_size);
  cache.block_bytes_ = (cache.key_bytes_ + cache.value_bytes_) * shape.num_heads;
  int64_t size = cache.block_bytes_;
  bool overflows = false;
  for (const int count :
       {shape.num_slots, shape.num_layers, PaddedKeys(shape.context_size) / kKeyBlock}) {
    overflows = overflows || __builtin_mul_overflow(size, int64_t{count}, &size);
  }
  const int64_t cap = WithSlack(std::min(shape.max_bytes, std::numeric_limits<int64_t>::max() / 2));
  const bool has_cap = cap > 0 && (overflows || cap < size);
  if (has_cap) size = cap;
  if ((overflows && !has_cap) ||
      !MemoryRegion::Create(size, MemoryRegion::Paging::kLazy, "the KV cache").ok()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no address space for the KV cache",
        overflows && !has_cap ? "" : absl::StrCat(", bytes: ", size), " (",
        has_cap ? absl::StrCat("--kv_cache_bytes ", shape.max_bytes, " and a quarter")
                : absl::StrCat(shape.num_slots, " sequences of ", shape.context_size, " tokens"),
        "). Give a smaller ", has_cap ? "--kv_cache_bytes" : "--max_sequences, or --kv_cache_bytes",
        "; or raise the limit, of ulimit -v or vm.overcommit_memory"));
  }
  cache.slots_.resize(shape.num_slots);
  for (int slot = 0; slot < shape.num_slots && !has_cap; ++slot) {
    if (!cache.slots_[slot].Resize(cache.SlotBytes(shape.context_size))) throw std::bad_alloc();
  }
  return cache;
}

void KvCache::Reserve(int slot, int num_tokens) {
  MemoryRegion& memory = slots_[slot];
  if (SlotBytes(num_tokens) <= memory.size_bytes()) return;
  const int64_t held_tokens = memory.size_bytes() / BlockBytes() * kKeyBlock;
  const int64_t wanted = std::max<int64_t>(num_tokens, WithSlack(held_tokens));
  const int most = static_cast<int>(std::min<int64_t>(wanted, shape_.context_size));
  if (!memory.Resize(SlotBytes(most))) throw std::bad_alloc();
}

void KvCache::Store(int slot, int layer, int head, int position, const float* key,
                    const float* value) const {
  char* keys = Block(slot, layer, position) + head * (key_bytes_ + value_bytes_);
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
  args.keys = Block(slot, layer, 0) + head * (key_bytes_ + value_bytes_);
  args.key_block_stride = BlockBytes();
  args.values = args.keys + key_bytes_;
  args.value_block_stride = BlockBytes();
  args.value_row_stride = ptrdiff_t{4} * PaddedHeadSize(shape_.head_size);
}

int64_t KvCache::bytes_per_token() const { return BlockBytes() / kKeyBlock; }

int KvCache::block_tokens() const {
  const int64_t blocks = kPageBytes / std::gcd(kPageBytes, BlockBytes());
  const int64_t most = PaddedKeys(shape_.context_size) / kKeyBlock;
  return kKeyBlock * static_cast<int>(std::min(blocks, most));
}

void KvCache::CopyPrefix(int from_slot, int to_slot, int layer, int num_tokens) const {
  for (int position = 0; position < num_tokens; position += kKeyBlock) {
    std::memcpy(Block(to_slot, layer, position), Block(from_slot, layer, position), block_bytes_);
  }
}

void KvCache::Release(int slot, int num_kept_tokens) {
  MemoryRegion& memory = slots_[slot];
  const size_t kept_bytes = SlotBytes(num_kept_tokens);
  if (kept_bytes < memory.size_bytes() && !memory.Resize(kept_bytes)) throw std::bad_alloc();
}

}  // namespace chorus::runner
