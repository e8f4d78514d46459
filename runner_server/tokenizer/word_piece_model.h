#pragma once

// BERT's greedy longest pieces from the left, equal to Hugging Face's WordPiece, and WordLevel, a
// list of words.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/prefix_trie.h"
#include "runner_server/tokenizer/token_model.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

class WordPieceModel final : public TokenModel {
 public:
  struct Options {
    std::string unknown_token = "[UNK]";   // Stands for the whole of an unknown word.
    std::string continuing_prefix = "##";  // Marks pieces that do not begin a word.
    size_t max_characters_per_word = 100;  // A longer word is unknown.
  };

  // INVALID_ARGUMENT names the token that is missing.
  static absl::StatusOr<std::unique_ptr<WordPieceModel>> Create(const Vocabulary& vocabulary,
                                                                const Options& options);

  void Encode(std::string_view word, std::vector<int32_t>& ids,
              std::vector<Part>* parts) const override;

 private:
  explicit WordPieceModel(size_t max_characters) : max_characters_per_word_(max_characters) {}

  const size_t max_characters_per_word_;
  int32_t unknown_id_ = 0;
  PrefixTrie beginnings_;     // Pieces that begin a word,
  PrefixTrie continuations_;  // and the others, without their prefix.
};

class WordLevelModel final : public TokenModel {
 public:
  // `vocabulary` must outlive the model. INVALID_ARGUMENT names the token that is missing.
  static absl::StatusOr<std::unique_ptr<WordLevelModel>> Create(const Vocabulary& vocabulary,
                                                                std::string_view unknown_token);

  void Encode(std::string_view word, std::vector<int32_t>& ids,
              std::vector<Part>* parts) const override;

 private:
  explicit WordLevelModel(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  const Vocabulary& vocabulary_;
  int32_t unknown_id_ = 0;
};

}  // namespace chorus::runner
