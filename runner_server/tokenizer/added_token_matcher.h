#pragma once

// Finds added tokens in a text: leftmost first, then longest. Special ones can be treated as plain
// text.
//
// Thread safety: const methods may be called from any thread.

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "runner_server/tokenizer/byte_trie.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

class AddedTokenMatcher {
 public:
  // `token.content` must not be empty. `found_as` is its spelling in the text, by default the
  // content.
  void Add(const AddedToken& token) { Add(token, token.content); }
  void Add(const AddedToken& token, std::string_view found_as);

  // Receives a piece of the text: an added token, with the white space it takes, and its id; or
  // text between them, without id.
  using Visitor = absl::FunctionRef<void(std::string_view piece, std::optional<int32_t> id)>;

  // Visits the whole text in order, except empty pieces. With `split_special_tokens` a special
  // token belongs to the surrounding text, and no other is looked for inside it.
  //
  // Example: with <e> = 7, "a<e>b<e" -> ("a", none), ("<e>", 7), ("b<e", none).
  void Split(std::string_view text, bool split_special_tokens, Visitor visit) const;

 private:
  absl::flat_hash_set<int32_t> special_ids_;
  absl::flat_hash_set<int32_t> lstrip_ids_;
  std::bitset<256> first_bytes_;
  ByteTrie trie_;
};

}  // namespace chorus::runner
