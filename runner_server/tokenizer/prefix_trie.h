#pragma once

// A map from byte strings to numbers that finds the keys a text begins with, in time linear in
// their length.
//
// Thread safety: const methods may be called from any thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::runner {

class PrefixTrie {
 public:
  class Builder {
   public:
    // `key` must not be empty, `value` not negative. Of equal keys the last counts.
    void Add(std::string_view key, int32_t value) { entries_.emplace_back(key, value); }
    PrefixTrie Build() &&;

   private:
    std::vector<std::pair<std::string, int32_t>> entries_;
  };

  struct Match {
    size_t num_bytes = 0;  // 0 if no key matches.
    int32_t value = -1;
  };

  // Has no keys.
  PrefixTrie() : first_child_(2, 1), label_(1), value_(1, -1) {}

  // Calls `visit(num_bytes, value)` for every key that `text` begins with, the shortest first.
  template <typename Visit>
  void VisitPrefixes(std::string_view text, Visit visit) const {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      node = i == 0 ? root_[static_cast<uint8_t>(text[0])] : Child(node, text[i]);
      if (node == 0) return;
      if (value_[node] >= 0) visit(i + 1, value_[node]);
    }
  }

  // The longest key that `text` begins with.
  Match LongestPrefix(std::string_view text) const {
    Match match;
    VisitPrefixes(text, [&](size_t num_bytes, int32_t value) { match = {num_bytes, value}; });
    return match;
  }

  bool empty() const { return value_.size() == 1; }

 private:
  // 0 if there is none.
  uint32_t Child(uint32_t node, char byte) const {
    const auto begin = label_.begin() + first_child_[node];
    const auto end = label_.begin() + first_child_[node + 1];
    const auto found = std::lower_bound(begin, end, static_cast<uint8_t>(byte));
    if (found == end || *found != static_cast<uint8_t>(byte)) return 0;
    return static_cast<uint32_t>(found - label_.begin());
  }

  // Nodes level by level, those of one parent side by side and in the order of their labels; 0 is
  // the root.
  std::vector<uint32_t> first_child_;  // The next node's is the end. One more than nodes.
  std::vector<uint8_t> label_;
  std::vector<int32_t> value_;        // -1 where no key ends.
  std::array<uint32_t, 256> root_{};  // The root's children by label; 0 for none.
};

}  // namespace chorus::runner
