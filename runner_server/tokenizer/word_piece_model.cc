#include "runner_server/tokenizer/word_piece_model.h"

#include <utility>

#include "base/status_macros.h"

namespace chorus::runner {
namespace {

constexpr char kUnknown[] = "stands for unknown words";

size_t NumCharacters(std::string_view text) {
  size_t count = 0;
  for (const char byte : text) count += (static_cast<uint8_t>(byte) & 0xC0) != 0x80;
  return count;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WordPieceModel>> WordPieceModel::Create(const Vocabulary& vocabulary,
                                                                       const Options& options) {
  std::unique_ptr<WordPieceModel> model(new WordPieceModel(options.max_characters_per_word));
  ASSIGN_OR_RETURN(model->unknown_id_, vocabulary.Require(options.unknown_token, kUnknown));
  const std::vector<std::string>& tokens = vocabulary.model_tokens();
  PrefixTrie::Builder beginnings;
  PrefixTrie::Builder continuations;
  for (size_t id = 0; id < tokens.size(); ++id) {
    std::string_view piece = tokens[id];
    if (!piece.empty()) beginnings.Add(piece, static_cast<int32_t>(id));
    if (!piece.starts_with(options.continuing_prefix)) continue;
    piece.remove_prefix(options.continuing_prefix.size());
    if (!piece.empty()) continuations.Add(piece, static_cast<int32_t>(id));
  }
  model->beginnings_ = std::move(beginnings).Build();
  model->continuations_ = std::move(continuations).Build();
  return model;
}

void WordPieceModel::Encode(std::string_view word, std::vector<int32_t>& ids,
                            std::vector<Part>* parts) const {
  const size_t num_ids = ids.size();
  bool known =
      word.size() <= max_characters_per_word_ || NumCharacters(word) <= max_characters_per_word_;
  const PrefixTrie* trie = &beginnings_;
  for (size_t begin = 0; known && begin < word.size();) {
    const PrefixTrie::Match match = trie->LongestPrefix(word.substr(begin));
    known = match.num_bytes > 0;
    Append(match.value, begin, begin + match.num_bytes, ids, parts);
    begin += match.num_bytes;
    trie = &continuations_;
  }
  if (known) return;
  if (parts != nullptr) parts->resize(parts->size() - (ids.size() - num_ids));
  ids.resize(num_ids);
  Append(unknown_id_, 0, word.size(), ids, parts);
}

absl::StatusOr<std::unique_ptr<WordLevelModel>> WordLevelModel::Create(
    const Vocabulary& vocabulary, std::string_view unknown_token) {
  std::unique_ptr<WordLevelModel> model(new WordLevelModel(vocabulary));
  ASSIGN_OR_RETURN(model->unknown_id_, vocabulary.Require(unknown_token, kUnknown));
  return model;
}

void WordLevelModel::Encode(std::string_view word, std::vector<int32_t>& ids,
                            std::vector<Part>* parts) const {
  Append(vocabulary_.FindOwn(word).value_or(unknown_id_), 0, word.size(), ids, parts);
}

}  // namespace chorus::runner
