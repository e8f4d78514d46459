#include "runner_server/tokenizer/added_token_matcher.h"

#include "base/utf8.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

// The size of `text` without the white space at its end.
size_t SizeWithoutSpace(std::string_view text) {
  size_t size = text.size();
  while (size > 0) {
    size_t begin = size - 1;
    while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
    if (!HasTrait(DecodeUtf8(text.substr(begin, size - begin)).code_point, kIsSpace)) break;
    size = begin;
  }
  return size;
}

}  // namespace

void AddedTokenMatcher::Add(const AddedToken& token, std::string_view found_as) {
  first_bytes_.set(static_cast<uint8_t>(found_as.front()));
  trie_.Insert(found_as, token.id);
  if (token.special) special_ids_.insert(token.id);
  if (token.lstrip) lstrip_ids_.insert(token.id);
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
      std::string_view before = text.substr(begin, i - begin);
      if (lstrip_ids_.contains(match.value)) before = before.substr(0, SizeWithoutSpace(before));
      if (!before.empty()) visit(before, std::nullopt);
      begin += before.size();
      visit(text.substr(begin, end - begin), match.value);
      begin = end;
    }
    i = end;
  }
  if (begin < text.size()) visit(text.substr(begin), std::nullopt);
}

}  // namespace chorus::runner
