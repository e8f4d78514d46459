#include "runner_server/tokenizer/bpe_merges.h"

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

namespace chorus::runner {

void BpeMerges::Add(int32_t left, int32_t right, int32_t merged) {
  merges_.insert_or_assign(Key(left, right), Merge{next_rank_++, merged});
}

BpeMerges::Merge BpeMerges::Find(int32_t left, int32_t right) const {
  const auto found = merges_.find(Key(left, right));
  return found == merges_.end() ? Merge() : found->second;
}

size_t BpeMerges::Apply(int32_t* ids, uint32_t* sizes, size_t count) const {
  return count <= kMaxShortWord ? ApplyToShortWord(ids, sizes, count)
                                : ApplyToLongWord(ids, sizes, count);
}

size_t BpeMerges::ApplyToShortWord(int32_t* ids, uint32_t* sizes, size_t count) const {
  if (count < 2) return count;
  std::array<Merge, kMaxShortWord> pairs;  // Of ids i and i + 1.
  size_t num_pairs = count - 1;
  for (size_t i = 0; i < num_pairs; ++i) pairs[i] = Find(ids[i], ids[i + 1]);
  while (num_pairs > 0) {
    const auto best = std::min_element(pairs.begin(), pairs.begin() + num_pairs,
                                       [](Merge a, Merge b) { return a.rank < b.rank; });
    if (best->rank == kNoRank) break;
    const size_t i = best - pairs.begin();
    ids[i] = best->merged;
    std::copy(ids + i + 2, ids + num_pairs + 1, ids + i + 1);
    if (sizes != nullptr) {
      sizes[i] += sizes[i + 1];
      std::copy(sizes + i + 2, sizes + num_pairs + 1, sizes + i + 1);
    }
    std::copy(best + 1, pairs.begin() + num_pairs, best);
    --num_pairs;
    if (i > 0) pairs[i - 1] = Find(ids[i - 1], ids[i]);
    if (i < num_pairs) pairs[i] = Find(ids[i], ids[i + 1]);
  }
  return num_pairs + 1;
}

size_t BpeMerges::ApplyToLongWord(int32_t* ids, uint32_t* sizes, size_t count) const {
  struct Symbol {
    uint32_t previous;
    uint32_t next;  // `size` after the last.
    Merge pair;     // With the next; no rank for a symbol that is gone.
  };
  const auto size = static_cast<uint32_t>(count);
  std::vector<Symbol> symbols(size);
  std::vector<uint64_t>
      heap;  // Rank and position; stale where the symbol's rank is another by now.
  heap.reserve(size);
  const auto set_pair = [&](uint32_t i) {
    const uint32_t next = symbols[i].next;
    symbols[i].pair = next < size ? Find(ids[i], ids[next]) : Merge();
    if (symbols[i].pair.rank == kNoRank) return false;
    heap.push_back((uint64_t{symbols[i].pair.rank} << 32) | i);
    return true;
  };
  for (uint32_t i = 0; i < size; ++i) {
    symbols[i].previous = i - 1;
    symbols[i].next = i + 1;
    set_pair(i);
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const auto rank = static_cast<uint32_t>(heap.back() >> 32);
    const auto i = static_cast<uint32_t>(heap.back());
    heap.pop_back();
    if (symbols[i].pair.rank != rank) continue;
    const uint32_t gone = symbols[i].next;
    ids[i] = symbols[i].pair.merged;
    if (sizes != nullptr) sizes[i] += sizes[gone];
    symbols[gone].pair = Merge();
    symbols[i].next = symbols[gone].next;
    if (symbols[i].next < size) symbols[symbols[i].next].previous = i;
    if (set_pair(i)) std::push_heap(heap.begin(), heap.end(), std::greater<>());
    if (i > 0 && set_pair(symbols[i].previous)) {
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
  }
  uint32_t num_left = 0;
  for (uint32_t i = 0; i < size; i = symbols[i].next) {
    if (sizes != nullptr) sizes[num_left] = sizes[i];
    ids[num_left++] = ids[i];
  }
  return num_left;
}

}  // namespace chorus::runner
