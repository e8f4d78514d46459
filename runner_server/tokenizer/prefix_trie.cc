#include "runner_server/tokenizer/prefix_trie.h"

namespace chorus::runner {

PrefixTrie PrefixTrie::Builder::Build() && {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  PrefixTrie trie;
  trie.first_child_.clear();
  struct Range {  // Of the entries below a node, which have its `depth` bytes in common.
    size_t begin;
    size_t end;
    size_t depth;
  };
  std::vector<Range> nodes = {{0, entries_.size(), 0}};
  for (size_t node = 0; node < nodes.size(); ++node) {
    auto [begin, end, depth] = nodes[node];
    trie.first_child_.push_back(static_cast<uint32_t>(nodes.size()));
    for (; begin < end && entries_[begin].first.size() == depth; ++begin) {
      trie.value_[node] = entries_[begin].second;
    }
    while (begin < end) {
      const char label = entries_[begin].first[depth];
      size_t child_end = begin + 1;
      while (child_end < end && entries_[child_end].first[depth] == label) ++child_end;
      if (node == 0) trie.root_[static_cast<uint8_t>(label)] = static_cast<uint32_t>(nodes.size());
      nodes.push_back({begin, child_end, depth + 1});
      trie.label_.push_back(static_cast<uint8_t>(label));
      trie.value_.push_back(-1);
      begin = child_end;
    }
  }
  trie.first_child_.push_back(static_cast<uint32_t>(nodes.size()));
  return trie;
}

}  // namespace chorus::runner
