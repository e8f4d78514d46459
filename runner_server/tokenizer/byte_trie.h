#pragma once

// A map from byte strings to numbers that finds the longest key a text begins with, in time linear
// in the key's length.
//
// Thread safety: const methods may be called from any thread.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace chorus::runner {

class ByteTrie {
 public:
  struct Match {
    size_t num_bytes = 0;  // 0 if no key matches.
    int32_t value = -1;
  };

  // `key` must not be empty, `value` not negative. Replaces the value of an existing key.
  void Insert(std::string_view key, int32_t value);

  // The longest key that `text` begins with.
  Match LongestPrefix(std::string_view text) const;

  bool empty() const { return values_.size() == 1; }

 private:
  static uint64_t Edge(uint32_t node, char byte) {
    return (uint64_t{node} << 8) | static_cast<uint8_t>(byte);
  }

  absl::flat_hash_map<uint64_t, uint32_t> children_;  // By Edge().
  std::vector<int32_t> values_ = {-1};                // By node, -1 where no key ends; 0 the root.
};

}  // namespace chorus::runner
