#pragma once

// Finds added tokens in a text: leftmost first, then longest. Special ones can be treated as plain
// text.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "runner_server/tokenizer/prefix_trie.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

class AddedTokenMatcher {
 public:
  AddedTokenMatcher() = default;  // Finds nothing.

  // Finds tokens as they are spelled in the text, which is often their content. Of equal spellings
  // the first counts, an empty one is never found.
  explicit AddedTokenMatcher(std::vector<std::pair<AddedToken, std::string>> tokens);

  // Receives a piece of the text: an added token, with the white space it takes, and its id; or
  // text between them, without id.
  using Visitor = absl::FunctionRef<void(std::string_view piece, std::optional<int32_t> id)>;

  // Visits the whole text in order, except empty pieces. With `split_special_tokens` a special
  // token belongs to the surrounding text, and no other is looked for inside it.
  //
  // Example: with <e> = 7, "a<e>b<e" -> ("a", none), ("<e>", 7), ("b<e", none).
  void Split(std::string_view text, bool split_special_tokens, Visitor visit) const;

  bool empty() const { return trie_.empty(); }

 private:
  std::bitset<256> first_bytes_;
  PrefixTrie trie_;  // Of indices into tokens_.
  std::vector<AddedToken> tokens_;
};

}  // namespace chorus::runner
