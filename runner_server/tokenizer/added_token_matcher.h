#pragma once

// Finds added tokens where they stand in a text, from left to right, of those that begin at the
// same place the longest. Those that are special can be left as the text they are.
//
// Thread safety: const methods may be called at once from any thread.

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
  // `token.content` must not be empty. `found_as` is how the text spells it, by default so.
  void Add(const AddedToken& token) { Add(token, token.content); }
  void Add(const AddedToken& token, std::string_view found_as);

  // Takes a piece of the text: an added token and its id, with the white space it takes, or what
  // lies between them and no id.
  using Visitor = absl::FunctionRef<void(std::string_view piece, std::optional<int32_t> id)>;

  // Visits all of the text in order, empty pieces left out. With `split_special_tokens` a special
  // token is a part of the piece around it, and no other is looked for inside it.
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
