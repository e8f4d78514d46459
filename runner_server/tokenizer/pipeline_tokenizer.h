#pragma once

// The one tokenizer, of parts as Hugging Face's tokenizers has them: added tokens are found in the
// text, what lies between is normalized, split into words and turned into tokens by the model, and
// all is framed.
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

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "runner_server/tokenizer/added_token_matcher.h"
#include "runner_server/tokenizer/aligned_text.h"
#include "runner_server/tokenizer/decoder.h"
#include "runner_server/tokenizer/detokenizer.h"
#include "runner_server/tokenizer/normalizer.h"
#include "runner_server/tokenizer/post_processor.h"
#include "runner_server/tokenizer/pre_tokenizer.h"
#include "runner_server/tokenizer/token_model.h"
#include "runner_server/tokenizer/tokenizer.h"
#include "runner_server/tokenizer/vocabulary.h"

namespace chorus::runner {

class PipelineTokenizer final : public Tokenizer, public TokenBytes {
 public:
  struct Parts {
    std::unique_ptr<const Vocabulary> vocabulary;
    std::unique_ptr<Normalizer> normalizer;  // Null: none.
    // For the contents of normalized added tokens; null: `normalizer`.
    std::unique_ptr<Normalizer> added_token_normalizer;
    std::unique_ptr<PreTokenizer> pre_tokenizer;  // Null: every text is one word.
    std::unique_ptr<TokenModel> model;
    PostProcessor post_processor;
    Decoder decoder;
    int model_max_length = INT_MAX;
  };

  // INVALID_ARGUMENT if a part makes too much of the tokens.
  static absl::StatusOr<std::unique_ptr<PipelineTokenizer>> Create(Parts parts);

  absl::StatusOr<std::vector<int32_t>> Encode(std::string_view text,
                                              bool split_special_tokens) const override;
  absl::StatusOr<Encoding> EncodeInput(std::string_view text,
                                       std::optional<std::string_view> second,
                                       bool split_special_tokens, size_t max_tokens) const override;
  void Truncate(std::vector<int32_t>& ids, size_t max_tokens) const override;

  // Spans may split characters where tokens do. What a normalizer changed has the place of what it
  // was; a prefix space has none.
  absl::StatusOr<std::vector<TokenSpan>> EncodeWithSpans(std::string_view text,
                                                         bool split_special_tokens) const override;

  absl::StatusOr<std::string> Decode(std::span<const int32_t> ids) const override;

  int32_t vocab_size() const override { return parts_.vocabulary->size(); }
  int model_max_length() const override { return parts_.model_max_length; }
  const TokenBytes* bytes() const override { return bytes_.empty() ? nullptr : this; }

  std::string_view token_bytes(int32_t id) const override { return bytes_[id]; }
  std::string_view first_token_bytes(int32_t id) const override {
    return OtherOr(first_bytes_, id);
  }
  std::string_view last_token_bytes(int32_t id) const override { return OtherOr(last_bytes_, id); }
  int32_t repeat_number(int32_t id) const override {
    return repeat_numbers_.empty() ? -1 : repeat_numbers_[id];
  }
  bool replaces_each_byte() const override { return parts_.decoder.replaces_each_byte(); }

 private:
  explicit PipelineTokenizer(Parts parts) : parts_(std::move(parts)) {}

  // Where the tokens go: ids alone, or with their places in the text.
  struct Output {
    std::vector<int32_t>* ids = nullptr;
    std::vector<TokenSpan>* spans = nullptr;
    std::string_view text = {};  // Of the spans.
  };

  using OtherBytes = absl::flat_hash_map<int32_t, std::string>;  // By id, where they differ.

  std::string_view OtherOr(const OtherBytes& others, int32_t id) const {
    const auto found = others.find(id);
    return found == others.end() ? token_bytes(id) : found->second;
  }

  absl::Status SetMatchers();
  absl::Status SetBytes();

  // The ids of a text without the frame.
  absl::StatusOr<std::vector<int32_t>> EncodeText(std::string_view text,
                                                  bool split_special_tokens) const;

  // Add the tokens of a text; of one between added tokens that stay as they are; of a normalized
  // one without added tokens.
  absl::Status AddText(std::string_view text, bool split_special_tokens,
                       const Output& output) const;
  absl::Status AddPiece(AlignedText text, bool split_special_tokens, const Output& output) const;
  absl::Status AddWords(AlignedText text, const Output& output) const;
  void AddAddedToken(int32_t id, std::string_view text, AlignedText::Origin origin,
                     const Output& output) const;

  // Adds the span of a token without its outer white space, if that is asked for.
  void AddSpan(std::string_view token, TokenSpan span, const Output& output) const;

  const Parts parts_;
  AddedTokenMatcher raw_matcher_;         // Applied to the text,
  AddedTokenMatcher normalized_matcher_;  // then to the normalized text between matches.
  bool needs_origins_ = false;            // Also where nobody asks for spans.
  std::vector<std::string> bytes_;        // By id; empty if tokens cannot be decoded alone.
  OtherBytes first_bytes_;
  OtherBytes last_bytes_;
  std::vector<int32_t> repeat_numbers_;  // By id; empty: all -1.
};

}  // namespace chorus::runner
