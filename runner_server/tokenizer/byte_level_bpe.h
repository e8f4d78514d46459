#pragma once

// GPT-2's tokenizer: byte-pair encoding of the bytes of pre-tokens, equal to Hugging Face's
// GPT2TokenizerFast to the id. Every text can be encoded, and decodes to itself. With a frame
// around every text it is RoBERTa's, equal to RobertaTokenizerFast.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <array>
#include <climits>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/tokenizer/added_token_matcher.h"
#include "runner_server/tokenizer/bpe_merges.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/frame.h"
#include "runner_server/tokenizer/tokenizer.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

class ByteLevelBpe : public Tokenizer, public TokenBytes {
 public:
  struct Definition {
    std::vector<std::string> tokens;  // By id, spelled in byte_alphabet.h's alphabet.
    std::vector<std::pair<std::string, std::string>> merges;  // The best first.
    std::string unread_merge;  // A last "left right" that transformers does not read; its token
                               // needs no other merge.
    std::vector<AddedToken> added_tokens;  // See Vocabulary::Create.
    bool add_prefix_space = false;         // Prepends a space to text without one.
    std::string eos_token = "<|endoftext|>";
    std::string first_token;  // Frame every text; both empty for no frame.
    std::string last_token;
    bool trims_spans = false;  // Spans exclude a token's outer white space.
    int model_max_length = INT_MAX;
  };

  // INVALID_ARGUMENT names the missing token or the wrong merge. All 256 bytes must have a token,
  // so that every text can be encoded. Every token of several characters must result from a merge,
  // be an added one, or look like a special one ("<pad>", "[MASK]"); other tokens mean that the
  // merges are truncated.
  static absl::StatusOr<std::unique_ptr<ByteLevelBpe>> Create(Definition definition);

  std::vector<int32_t> Encode(std::string_view text, bool split_special_tokens) const override;

  // A pair of RoBERTa's frame is <s> text </s></s> second </s>, of type 0 throughout; without a
  // frame the second text has type 1.
  Encoding EncodeInput(std::string_view text, std::optional<std::string_view> second,
                       bool split_special_tokens, size_t max_tokens) const override;

  void Truncate(std::vector<int32_t>& ids, size_t max_tokens) const override;

  // Spans are contiguous unless trimmed, and may split characters. An added prefix space is in
  // none.
  std::vector<TokenSpan> EncodeWithSpans(std::string_view text,
                                         bool split_special_tokens) const override;

  std::string Decode(std::span<const int32_t> ids) const override;

  int32_t vocab_size() const override { return vocabulary_.size(); }
  int model_max_length() const override { return model_max_length_; }
  const TokenBytes* bytes() const override { return this; }

  std::string_view token_bytes(int32_t id) const override {
    return is_special_[id] ? std::string_view() : bytes_[id];
  }

  // Ends a text; GPT-2's training data also begin with it.
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

  // Excludes the outer white space of `token` from its `span`.
  void Trim(std::string_view token, bool is_added, TokenSpan& span) const;

  // Visits added tokens and the text between them, in order.
  void VisitPieces(std::string_view text, bool split_special_tokens,
                   AddedTokenMatcher::Visitor visit) const;

  bool IsGivenSpace(std::string_view text) const {
    return add_prefix_space_ && !text.starts_with(' ');
  }

  // Appends the ids of a text, without the frame.
  void AppendText(std::string_view text, bool split_special_tokens,
                  std::vector<int32_t>& ids) const;

  // Appends the ids of text without added tokens.
  void EncodeOrdinary(std::string_view text, std::vector<int32_t>& ids) const;

  const Vocabulary vocabulary_;
  const bool add_prefix_space_;
  const bool trims_spans_;
  const int model_max_length_;
  int32_t eos_id_ = 0;
  int32_t first_id_ = -1;  // -1: no frame.
  int32_t last_id_ = -1;
  Frame frame_;
  std::array<int32_t, 256> byte_ids_;
  BpeMerges merges_;
  AddedTokenMatcher first_matcher_;   // For tokens that are not normalized, applied first,
  AddedTokenMatcher second_matcher_;  // for the others, in the text between.
  std::vector<std::string> bytes_;    // By id.
  std::vector<bool> is_special_;      // By id.
};

}  // namespace chorus::runner
