#pragma once

// The merges of byte-pair encoding: which two neighbours become one, and which pair comes first.
// Source: Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units".
//
// Thread safety: const methods may be called at once from any thread.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace chorus::runner {

class BpeMerges {
 public:
  // Ranks are given in the order of calls, the first the best. False if the pair has a rank
  // already.
  bool Add(int32_t left, int32_t right, int32_t merged);

  // Merges the best pair, of equal ones the leftmost, until none is left. O(n log n), for the short
  // words of ordinary text much less.
  void Apply(std::vector<int32_t>& ids) const;

  void Reserve(size_t num_merges) { merges_.reserve(num_merges); }

 private:
  struct Merge {
    uint32_t rank = kNoRank;
    int32_t merged = -1;
  };
  static constexpr uint32_t kNoRank = UINT32_MAX;

  static uint64_t Key(int32_t left, int32_t right) {
    return (uint64_t{static_cast<uint32_t>(left)} << 32) | static_cast<uint32_t>(right);
  }

  // Rank kNoRank if the two do not merge.
  Merge Find(int32_t left, int32_t right) const;

  void ApplyToShortWord(std::vector<int32_t>& ids) const;
  void ApplyToLongWord(std::vector<int32_t>& ids) const;

  absl::flat_hash_map<uint64_t, Merge> merges_;
};

}  // namespace chorus::runner
