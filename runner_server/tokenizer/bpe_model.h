#pragma once

// Byte-pair encoding, of the bytes of words as GPT-2 has it or of their characters as
// SentencePiece, equal to Hugging Face's BPE.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "runner_server/tokenizer/bpe_merges.h"
#include "runner_server/tokenizer/token_model.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

using Merges = std::vector<std::pair<std::string, std::string>>;  // The best first.

class BpeModel final : public TokenModel {
 public:
  struct Options {
    bool of_bytes =
        false;  // Words are bytes, and tokens are spelled in byte_alphabet.h's alphabet.
    bool byte_fallback = false;     // An unknown character becomes tokens such as "<0x0A>".
    bool fuse_unknown = false;      // Neighbouring unknown characters are one token.
    bool ignore_merges = false;     // A word that is a token is that, however it is merged.
    std::string unknown_token;      // Empty: unknown characters are left out.
    std::string continuing_prefix;  // Of tokens that do not begin a word.
    std::string word_suffix;        // Of tokens that end a word.
  };

  // `vocabulary` must outlive the model. INVALID_ARGUMENT names the missing token or the wrong
  // merge. With `of_bytes` all 256 bytes must have a token, so that every text can be encoded.
  static absl::StatusOr<std::unique_ptr<BpeModel>> Create(const Vocabulary& vocabulary,
                                                          const Merges& merges, Options options);

  void Encode(std::string_view word, std::vector<int32_t>& ids,
              std::vector<Part>* parts) const override;

 private:
  BpeModel(const Vocabulary& vocabulary, Options options)
      : vocabulary_(vocabulary), options_(std::move(options)) {}

  absl::Status SetBytes();
  absl::Status SetByteTokens();
  absl::Status AddMerges(const Merges& merges);

  std::optional<int32_t> FindWord(std::string_view word) const;

  // Appends the symbols of a word, and their sizes.
  void SplitCharacters(std::string_view word, std::vector<int32_t>& symbols,
                       std::vector<uint32_t>& sizes) const;

  const Vocabulary& vocabulary_;
  const Options options_;
  BpeMerges merges_;
  int32_t unknown_id_ = -1;
  std::array<int32_t, 256> byte_ids_;  // Of bytes, with `of_bytes`, or of "<0x00>"; -1: none.
  absl::flat_hash_map<std::string, int32_t> words_of_bytes_;  // With `of_bytes`, `ignore_merges`.
};

}  // namespace chorus::runner
