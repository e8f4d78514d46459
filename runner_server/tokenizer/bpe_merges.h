#pragma once

// The ranked merges of byte-pair encoding.
// Source: Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units".
//
// Thread safety: const methods may be called from any thread.

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"

namespace chorus::runner {

class BpeMerges {
 public:
  // Ranks follow the order of calls, best first. Of the same pairs the last counts.
  void Add(int32_t left, int32_t right, int32_t merged);

  // Merges the best pair of `ids`[0, count), the leftmost of equals, until none is left, and
  // returns how many ids are. `sizes`, if not null, has one number for each id, and those of merged
  // ids are added. O(n log n); faster for short words.
  size_t Apply(int32_t* ids, uint32_t* sizes, size_t count) const;

  void Reserve(size_t num_merges) { merges_.reserve(num_merges); }

 private:
  struct Merge {
    uint32_t rank = kNoRank;
    int32_t merged = -1;
  };
  static constexpr uint32_t kNoRank = UINT32_MAX;
  static constexpr size_t kMaxShortWord = 48;  // Up to here looking at every pair beats a heap.

  static uint64_t Key(int32_t left, int32_t right) {
    return (uint64_t{static_cast<uint32_t>(left)} << 32) | static_cast<uint32_t>(right);
  }

  // Rank kNoRank if the two do not merge.
  Merge Find(int32_t left, int32_t right) const;

  size_t ApplyToShortWord(int32_t* ids, uint32_t* sizes, size_t count) const;
  size_t ApplyToLongWord(int32_t* ids, uint32_t* sizes, size_t count) const;

  absl::flat_hash_map<uint64_t, Merge> merges_;
  uint32_t next_rank_ = 0;
};

}  // namespace chorus::runner
