#include "runner_server/tokenizer/vocabulary.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"

namespace chorus::runner {
namespace {

absl::Status CheckToken(std::string_view token, size_t id) {
  if (token.size() > Vocabulary::kMaxTokenBytes) {
    return absl::InvalidArgumentError(absl::StrFormat("token %d is longer than %d bytes: %d bytes",
                                                      id, Vocabulary::kMaxTokenBytes,
                                                      token.size()));
  }
  if (!IsValidUtf8(token)) {
    return absl::InvalidArgumentError(absl::StrFormat("token %d is not UTF-8", id));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Vocabulary> Vocabulary::Create(std::vector<std::string> tokens,
                                              std::vector<AddedToken> added_tokens) {
  if (tokens.size() + added_tokens.size() > kMaxTokens) {
    return absl::InvalidArgumentError(absl::StrFormat("more than %d tokens: %d", kMaxTokens,
                                                      tokens.size() + added_tokens.size()));
  }
  Vocabulary vocabulary;
  vocabulary.tokens_ = std::move(tokens);
  RETURN_IF_ERROR(vocabulary.AddModelTokens());
  RETURN_IF_ERROR(vocabulary.AddAddedTokens(std::move(added_tokens)));
  return vocabulary;
}

absl::Status Vocabulary::AddModelTokens() {
  ids_.reserve(tokens_.size());
  for (size_t id = 0; id < tokens_.size(); ++id) {
    RETURN_IF_ERROR(CheckToken(tokens_[id], id));
    ids_.insert_or_assign(tokens_[id], static_cast<int32_t>(id));
  }
  size_ = static_cast<int32_t>(tokens_.size());
  return absl::OkStatus();
}

absl::Status Vocabulary::AddAddedTokens(std::vector<AddedToken> added_tokens) {
  absl::flat_hash_map<std::string, int32_t> seen;
  std::vector<const AddedToken*> token_of_new_id(added_tokens.size());
  for (AddedToken& token : added_tokens) {
    RETURN_IF_ERROR(CheckToken(token.content, token.id));
    if (token.content.empty() || !seen.try_emplace(token.content, token.id).second) continue;
    const std::optional<int32_t> own_id = Find(token.content);
    if (own_id && *own_id != token.id) {
      return absl::InvalidArgumentError(
          absl::StrFormat("added token \"%s\" has id %d, but %d in the model's vocabulary",
                          token.content, token.id, *own_id));
    }
    added_tokens_.push_back(std::move(token));
  }
  for (const AddedToken& token : added_tokens_) {
    if (Find(token.content)) continue;
    const int64_t index = int64_t{token.id} - static_cast<int64_t>(tokens_.size());
    if (index < 0 || index >= static_cast<int64_t>(token_of_new_id.size()) ||
        token_of_new_id[index] != nullptr) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "added token \"%s\" has id %d, which is taken or leaves a gap after the %d ids of the "
          "model's vocabulary",
          token.content, token.id, tokens_.size()));
    }
    token_of_new_id[index] = &token;
    ++size_;
  }
  for (int32_t id = static_cast<int32_t>(tokens_.size()); id < size_; ++id) {
    const AddedToken* token = token_of_new_id[id - tokens_.size()];
    if (token == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrFormat("no token has id %d, though added tokens have greater ones", id));
    }
    ids_.emplace(token->content, id);
    more_tokens_.push_back(token->content);
  }
  return absl::OkStatus();
}

std::optional<int32_t> Vocabulary::Find(std::string_view token) const {
  const auto found = ids_.find(AbslView(token));
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<int32_t> Vocabulary::Require(std::string_view token,
                                            std::string_view purpose) const {
  if (const std::optional<int32_t> id = Find(token)) return *id;
  return absl::InvalidArgumentError(absl::StrCat("the vocabulary has no token \"", AbslView(token),
                                                 "\" (", AbslView(purpose), ")"));
}

}  // namespace chorus::runner
