#pragma once

// The tokens of a model and their ids, validated, for both kinds of tokenizer.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace chorus::runner {

// A token matched literally in the text before the model's rules apply (Hugging Face's "added"
// tokens, also those in the model's vocabulary).
struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = false;      // Has no text when decoded.
  bool normalized = false;   // Matched in normalized form in the normalized text.
  bool lstrip = false;       // Takes the white space before it,
  bool rstrip = false;       // or after it.
  bool single_word = false;  // Does not touch other words.
};

class Vocabulary {
 public:
  // Far above real vocabularies.
  static constexpr size_t kMaxTokens = 1 << 20;
  static constexpr size_t kMaxTokenBytes = 1024;

  // `tokens` are the model's own by id; of equal ones the last counts. An added token has the id of
  // the equal model token, or one of the ids that follow the model's without a gap. Of equal added
  // tokens the first counts, and an empty one never. INVALID_ARGUMENT names the token that violates
  // this.
  static absl::StatusOr<Vocabulary> Create(std::vector<std::string> tokens,
                                           std::vector<AddedToken> added_tokens);

  std::optional<int32_t> Find(std::string_view token) const;

  // As Find, among the model's own tokens.
  std::optional<int32_t> FindOwn(std::string_view token) const {
    const std::optional<int32_t> id = Find(token);
    return id && static_cast<size_t>(*id) < tokens_.size() ? id : std::nullopt;
  }

  // Find(), or INVALID_ARGUMENT that names the token and its purpose.
  absl::StatusOr<int32_t> Require(std::string_view token, std::string_view purpose) const;

  // `id` must be in [0, size()).
  const std::string& token(int32_t id) const {
    const auto index = static_cast<size_t>(id);
    return index < tokens_.size() ? tokens_[index] : more_tokens_[index - tokens_.size()];
  }

  // Own and added tokens; ids are in [0, size()).
  int32_t size() const { return size_; }
  const std::vector<std::string>& model_tokens() const { return tokens_; }
  const std::vector<AddedToken>& added_tokens() const { return added_tokens_; }

 private:
  Vocabulary() = default;

  absl::Status AddModelTokens();
  absl::Status AddAddedTokens(std::vector<AddedToken> added_tokens);

  std::vector<std::string> tokens_;
  std::vector<AddedToken> added_tokens_;
  std::vector<std::string> more_tokens_;  // Added tokens whose ids follow the model's, by id.
  absl::flat_hash_map<std::string, int32_t> ids_;
  int32_t size_ = 0;
};

}  // namespace chorus::runner
