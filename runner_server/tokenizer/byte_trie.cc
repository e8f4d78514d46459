#include "runner_server/tokenizer/byte_trie.h"

namespace chorus::runner {

void ByteTrie::Insert(std::string_view key, int32_t value) {
  uint32_t node = 0;
  for (const char byte : key) {
    const auto [child, inserted] =
        children_.try_emplace(Edge(node, byte), static_cast<uint32_t>(values_.size()));
    if (inserted) values_.push_back(-1);
    node = child->second;
  }
  values_[node] = value;
}

ByteTrie::Match ByteTrie::LongestPrefix(std::string_view text) const {
  Match match;
  uint32_t node = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto child = children_.find(Edge(node, text[i]));
    if (child == children_.end()) break;
    node = child->second;
    if (values_[node] >= 0) match = {i + 1, values_[node]};
  }
  return match;
}

}  // namespace chorus::runner
