#pragma once

// Finds added tokens where they stand in a text, from left to right, of those that begin at the
// same place the longest.
//
// Thread safety: const methods may be called at once from any thread.

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "runner_server/tokenizer/byte_trie.h"

namespace chorus {

class AddedTokenMatcher {
 public:
  // `content` must not be empty.
  void Add(std::string_view content, int32_t id);

  // Takes a piece of the text: an added token and its id, or what lies between them and no id.
  // Returns false to end.
  using Visitor = absl::FunctionRef<bool(std::string_view piece, std::optional<int32_t> id)>;

  // Visits all of the text in order, empty pieces left out. False if `visit` was.
  //
  // Example: with <e> = 7, "a<e>b<e" -> ("a", none), ("<e>", 7), ("b<e", none).
  bool Split(std::string_view text, Visitor visit) const;

 private:
  std::bitset<256> first_bytes_;
  ByteTrie trie_;
};

}  // namespace chorus
