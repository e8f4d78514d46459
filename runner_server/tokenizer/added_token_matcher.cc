#include "runner_server/tokenizer/added_token_matcher.h"

namespace chorus {

void AddedTokenMatcher::Add(std::string_view content, int32_t id) {
  first_bytes_.set(static_cast<uint8_t>(content.front()));
  trie_.Insert(content, id);
}

bool AddedTokenMatcher::Split(std::string_view text, Visitor visit) const {
  size_t begin = 0;  // Of what has not been visited.
  for (size_t i = 0; i < text.size() && first_bytes_.any();) {
    ByteTrie::Match match;
    if (first_bytes_.test(static_cast<uint8_t>(text[i]))) {
      match = trie_.LongestPrefix(text.substr(i));
    }
    if (match.num_bytes == 0) {
      ++i;
      continue;
    }
    if (begin < i && !visit(text.substr(begin, i - begin), std::nullopt)) return false;
    if (!visit(text.substr(i, match.num_bytes), match.value)) return false;
    begin = i += match.num_bytes;
  }
  return begin == text.size() || visit(text.substr(begin), std::nullopt);
}

}  // namespace chorus
