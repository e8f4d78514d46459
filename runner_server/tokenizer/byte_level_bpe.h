#pragma once

// GPT-2's tokenizer: byte-pair encoding of the bytes of pre-tokens, equal to Hugging Face's
// GPT2TokenizerFast to the id. Every text can be encoded, and decodes to itself. RoBERTa's is the
// same with a frame around every text, equal to RobertaTokenizerFast.
//
// Thread safety: immutable; all methods may be called at once from any thread.

#include <array>
#include <climits>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/added_token_matcher.h"
#include "runner_server/tokenizer/bpe_merges.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/tokenizer.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

class ByteLevelBpe : public Tokenizer, public TokenBytes {
 public:
  struct Definition {
    std::vector<std::string> tokens;  // By id, spelled in GPT-2's alphabet of bytes.
    std::vector<std::pair<std::string, std::string>> merges;  // The best first.
    std::string unread_merge;  // A last "left right" that transformers does not read; it still
                               // explains why no other merge makes its token.
    std::vector<AddedToken> added_tokens;  // See Vocabulary::Create.
    bool add_prefix_space = false;         // Text that does not begin with a space is given one.
    std::string eos_token = "<|endoftext|>";
    std::string first_token;  // These two frame every text; both empty: none does.
    std::string last_token;
    bool trims_spans = false;  // Spans leave out the white space a token begins or ends with.
    int model_max_length = INT_MAX;
  };

  // INVALID_ARGUMENT names the token that is missing or the merge that is wrong. All 256 bytes must
  // have a token, so that no text is unknown. Every token of several characters must be made by a
  // merge, be an added one, or look as special ones do ("<pad>", "[MASK]"): trainers make no
  // others, and so tell merges that have been cut short.
  static absl::StatusOr<std::unique_ptr<ByteLevelBpe>> Create(Definition definition);

  std::vector<int32_t> Encode(std::string_view text, bool split_special_tokens) const override;

  void Truncate(std::vector<int32_t>& ids, size_t max_tokens) const override;

  // The spans follow one another without a gap, unless they are trimmed, and may cut characters
  // apart. A prefix space that the text does not have is in none.
  std::vector<TokenSpan> EncodeWithSpans(std::string_view text,
                                         bool split_special_tokens) const override;

  std::string Decode(std::span<const int32_t> ids) const override;

  int32_t vocab_size() const override { return vocabulary_.size(); }
  int model_max_length() const override { return model_max_length_; }
  const TokenBytes* bytes() const override { return this; }

  std::string_view token_bytes(int32_t id) const override {
    return is_special_[id] ? std::string_view() : bytes_[id];
  }

  // Ends a text; GPT-2 was trained to begin one with it too.
  int32_t eos_id() const { return eos_id_; }

 private:
  ByteLevelBpe(Vocabulary vocabulary, const Definition& definition)
      : vocabulary_(std::move(vocabulary)),
        add_prefix_space_(definition.add_prefix_space),
        trims_spans_(definition.trims_spans),
        model_max_length_(definition.model_max_length) {}

  absl::Status SetByteIds();
  absl::Status AddMerges(const std::vector<std::pair<std::string, std::string>>& merges);
  absl::Status CheckTokensAreMade(const Definition& definition) const;
  void SetBytes();
  void SetMatchers();

  // Takes the white space that `token`, which `span` is of, begins and ends with out of the span.
  void Trim(std::string_view token, bool is_added, TokenSpan& span) const;

  // Visits added tokens and what lies between them, in order.
  void VisitPieces(std::string_view text, bool split_special_tokens,
                   AddedTokenMatcher::Visitor visit) const;

  bool IsGivenSpace(std::string_view text) const {
    return add_prefix_space_ && !text.starts_with(' ');
  }

  // Appends the ids of text without added tokens.
  void EncodeOrdinary(std::string_view text, std::vector<int32_t>& ids) const;

  const Vocabulary vocabulary_;
  const bool add_prefix_space_;
  const bool trims_spans_;
  const int model_max_length_;
  int32_t eos_id_ = 0;
  int32_t first_id_ = -1;  // -1: no frame.
  int32_t last_id_ = -1;
  std::array<int32_t, 256> byte_ids_;
  BpeMerges merges_;
  AddedTokenMatcher first_matcher_;   // Tokens that are not normalized come first,
  AddedTokenMatcher second_matcher_;  // the others in what is between them.
  std::vector<std::string> bytes_;    // By id.
  std::vector<bool> is_special_;      // By id.
};

}  // namespace chorus::runner
