#include "runner_server/tokenizer/added_token_matcher.h"

namespace chorus {

void AddedTokenMatcher::Add(const AddedToken& token, std::string_view found_as) {
  first_bytes_.set(static_cast<uint8_t>(found_as.front()));
  trie_.Insert(found_as, token.id);
  if (token.special) special_ids_.insert(token.id);
}

void AddedTokenMatcher::Split(std::string_view text, bool split_special_tokens,
                              Visitor visit) const {
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
    const size_t end = i + match.num_bytes;
    if (!split_special_tokens || !special_ids_.contains(match.value)) {
      if (begin < i) visit(text.substr(begin, i - begin), std::nullopt);
      visit(text.substr(i, match.num_bytes), match.value);
      begin = end;
    }
    i = end;
  }
  if (begin < text.size()) visit(text.substr(begin), std::nullopt);
}

}  // namespace chorus
