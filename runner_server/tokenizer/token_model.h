#pragma once

// What turns a word into tokens: byte-pair encoding, WordPiece, Unigram, or a list of words.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstdint>
#include <string_view>
#include <vector>

namespace chorus::runner {

class TokenModel {
 public:
  // The bytes [begin, end) of a word that a token stands for.
  struct Part {
    uint32_t begin;
    uint32_t end;
  };

  virtual ~TokenModel() = default;

  // Appends the tokens of `word`, which is not empty, and, if `parts` is not null, their parts.
  virtual void Encode(std::string_view word, std::vector<int32_t>& ids,
                      std::vector<Part>* parts) const = 0;

 protected:
  static void Append(int32_t id, size_t begin, size_t end, std::vector<int32_t>& ids,
                     std::vector<Part>* parts) {
    ids.push_back(id);
    if (parts != nullptr) {
      parts->push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    }
  }
};

}  // namespace chorus::runner
