#include "runner_server/tokenizer/added_token_matcher.h"

#include "absl/container/flat_hash_set.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

bool IsWord(std::string_view character) {
  return HasTrait(DecodeUtf8(character).code_point, kIsWord);
}

// Whether bytes [begin, end) touch no other word.
bool IsSingleWord(std::string_view text, size_t begin, size_t end) {
  if (begin > 0) {
    size_t before = begin - 1;
    while (before > 0 && (static_cast<uint8_t>(text[before]) & 0xC0) == 0x80) --before;
    if (IsWord(text.substr(before))) return false;
  }
  return end == text.size() || !IsWord(text.substr(end));
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<std::pair<AddedToken, std::string>> tokens) {
  PrefixTrie::Builder builder;
  absl::flat_hash_set<std::string> seen;
  for (auto& [token, spelling] : tokens) {
    if (spelling.empty() || !seen.insert(spelling).second) continue;
    first_bytes_.set(static_cast<uint8_t>(spelling.front()));
    builder.Add(spelling, static_cast<int32_t>(tokens_.size()));
    tokens_.push_back(std::move(token));
  }
  trie_ = std::move(builder).Build();
}

void AddedTokenMatcher::Split(std::string_view text, bool split_special_tokens,
                              Visitor visit) const {
  size_t begin = 0;  // Of what has not been visited.
  for (size_t i = 0; i < text.size() && !tokens_.empty();) {
    PrefixTrie::Match match;
    if (first_bytes_.test(static_cast<uint8_t>(text[i]))) {
      match = trie_.LongestPrefix(text.substr(i));
    }
    if (match.num_bytes == 0) {
      ++i;
      continue;
    }
    size_t end = i + match.num_bytes;
    const AddedToken& token = tokens_[match.value];
    if ((split_special_tokens && token.special) ||
        (token.single_word && !IsSingleWord(text, i, end))) {
      i = end;
      continue;
    }
    std::string_view before = text.substr(begin, i - begin);
    if (token.lstrip) before = before.substr(0, SizeWithoutSpace(before));
    if (token.rstrip) end += NumSpaceBytes(text.substr(end));
    if (!before.empty()) visit(before, std::nullopt);
    begin += before.size();
    visit(text.substr(begin, end - begin), token.id);
    i = begin = end;
  }
  if (begin < text.size()) visit(text.substr(begin), std::nullopt);
}

}  // namespace chorus::runner
