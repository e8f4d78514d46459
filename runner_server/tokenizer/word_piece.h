#pragma once

// BERT's tokenizer: normalization, words, then greedy longest pieces from the left, equal to
// Hugging Face's BertTokenizerFast to the id.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <climits>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runner_server/tokenizer/added_token_matcher.h"
#include "runner_server/tokenizer/bert_normalizer.h"
#include "runner_server/tokenizer/byte_trie.h"
#include "runner_server/tokenizer/frame.h"
#include "runner_server/tokenizer/tokenizer.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

class WordPiece : public Tokenizer {
 public:
  struct Definition {
    std::vector<std::string> tokens;       // By id.
    std::vector<AddedToken> added_tokens;  // See Vocabulary::Create.
    BertNormalizer::Options normalizer;
    // For the contents of normalized added tokens; by default `normalizer`.
    std::optional<BertNormalizer::Options> added_token_normalizer;
    std::string continuing_prefix = "##";  // Marks pieces that do not begin a word.
    size_t max_characters_per_word = 100;  // A longer word is unknown.
    std::string unknown_token = "[UNK]";
    std::string first_token = "[CLS]";
    std::string last_token = "[SEP]";
    int model_max_length = INT_MAX;
  };

  // INVALID_ARGUMENT names the token that is missing or wrong.
  static absl::StatusOr<std::unique_ptr<WordPiece>> Create(Definition definition);

  // [CLS], the pieces, [SEP].
  std::vector<int32_t> Encode(std::string_view text, bool split_special_tokens) const override;

  // A pair is [CLS] text [SEP] second [SEP], of which the last two have type 1.
  Encoding EncodeInput(std::string_view text, std::optional<std::string_view> second,
                       bool split_special_tokens, size_t max_tokens) const override;

  // Keeps the first pieces, [CLS] and [SEP].
  void Truncate(std::vector<int32_t>& ids, size_t max_tokens) const override;

  // Spans hold whole characters; an unknown word is one span.
  std::vector<TokenSpan> EncodeWithSpans(std::string_view text,
                                         bool split_special_tokens) const override;

  // Words separated by spaces, except before punctuation.
  std::string Decode(std::span<const int32_t> ids) const override;

  int32_t vocab_size() const override { return vocabulary_.size(); }
  int model_max_length() const override { return model_max_length_; }
  const TokenBytes* bytes() const override { return nullptr; }

 private:
  WordPiece(Vocabulary vocabulary, const Definition& definition)
      : vocabulary_(std::move(vocabulary)),
        normalizer_(definition.normalizer),
        continuing_prefix_(definition.continuing_prefix),
        max_characters_per_word_(definition.max_characters_per_word),
        model_max_length_(definition.model_max_length) {}

  void SetTries();
  void SetMatchers(const BertNormalizer& added_token_normalizer);

  // Appends the ids of a text, without the frame.
  void AppendText(std::string_view text, bool split_special_tokens,
                  std::vector<int32_t>& ids) const;

  // Append ids.
  void EncodeNormalized(std::string_view text, std::vector<int32_t>& ids) const;
  void EncodeWord(std::string_view word, std::vector<int32_t>& ids) const;

  // Called with an id and its part of `normalized`.
  using SpanVisitor = absl::FunctionRef<void(int32_t id, std::string_view part)>;
  void VisitSpans(std::string_view normalized, bool split_special_tokens, SpanVisitor visit) const;

  const Vocabulary vocabulary_;
  const BertNormalizer normalizer_;
  const std::string continuing_prefix_;
  const size_t max_characters_per_word_;
  const int model_max_length_;
  int32_t unknown_id_ = 0;
  int32_t first_id_ = 0;
  int32_t last_id_ = 0;
  Frame frame_;
  ByteTrie beginnings_;                   // Pieces that begin a word,
  ByteTrie continuations_;                // and the others, without their prefix.
  AddedTokenMatcher raw_matcher_;         // Applied to the text,
  AddedTokenMatcher normalized_matcher_;  // then to the normalized text between matches.
};

}  // namespace chorus::runner
