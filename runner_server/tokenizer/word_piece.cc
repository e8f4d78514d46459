#include "runner_server/tokenizer/word_piece.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/status_macros.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

// The first word at or after the start of `text`, which then loses it: a punctuation mark, or what
// lies between white space and punctuation. Empty at the end.
std::string_view TakeWord(std::string_view& text) {
  size_t begin = 0;
  size_t end = 0;
  while (end < text.size()) {
    const Utf8Step step = DecodeUtf8(text.substr(end));
    const uint8_t traits = CharacterTraits(step.code_point);
    const bool ends_word = traits & (kIsSpace | kIsBertPunctuation);
    if (ends_word && end > begin) break;
    end += step.num_bytes;
    if (traits & kIsSpace) {
      begin = end;
    } else if (traits & kIsBertPunctuation) {
      break;
    }
  }
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

// As Hugging Face's decoder cleans up.
bool ClingsToWordBefore(std::string_view token) {
  static constexpr std::array<std::string_view, 9> kBeginnings = {".",  "?",  "!",   ",",  "n't",
                                                                  "'m", "'s", "'ve", "'re"};
  return std::any_of(kBeginnings.begin(), kBeginnings.end(),
                     [token](std::string_view beginning) { return token.starts_with(beginning); });
}

size_t NumCharacters(std::string_view text) {
  size_t count = 0;
  for (const char byte : text) count += (static_cast<uint8_t>(byte) & 0xC0) != 0x80;
  return count;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WordPiece>> WordPiece::Create(Definition definition) {
  ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Create(std::move(definition.tokens),
                                                             std::move(definition.added_tokens)));
  std::unique_ptr<WordPiece> pieces(new WordPiece(std::move(vocabulary), definition));
  ASSIGN_OR_RETURN(pieces->unknown_id_, pieces->vocabulary_.Require(definition.unknown_token,
                                                                    "stands for unknown words"));
  ASSIGN_OR_RETURN(pieces->first_id_,
                   pieces->vocabulary_.Require(definition.first_token, "begins every text"));
  ASSIGN_OR_RETURN(pieces->last_id_,
                   pieces->vocabulary_.Require(definition.last_token, "ends every text"));
  pieces->frame_ = Frame::Bert(pieces->first_id_, pieces->last_id_);
  pieces->SetTries();
  pieces->SetMatchers(
      BertNormalizer(definition.added_token_normalizer.value_or(definition.normalizer)));
  return pieces;
}

void WordPiece::SetTries() {
  const std::vector<std::string>& tokens = vocabulary_.model_tokens();
  for (size_t id = 0; id < tokens.size(); ++id) {
    std::string_view piece = tokens[id];
    if (!piece.empty()) beginnings_.Insert(piece, static_cast<int32_t>(id));
    if (!piece.starts_with(continuing_prefix_)) continue;
    piece.remove_prefix(continuing_prefix_.size());
    if (!piece.empty()) continuations_.Insert(piece, static_cast<int32_t>(id));
  }
}

void WordPiece::SetMatchers(const BertNormalizer& added_token_normalizer) {
  for (const AddedToken& token : vocabulary_.added_tokens()) {
    if (!token.normalized) {
      raw_matcher_.Add(token);
      continue;
    }
    const std::string content = added_token_normalizer.Normalize(token.content);
    if (!content.empty()) normalized_matcher_.Add(token, content);
  }
}

std::vector<int32_t> WordPiece::Encode(std::string_view text, bool split_special_tokens) const {
  std::vector<int32_t> ids = {first_id_};
  AppendText(text, split_special_tokens, ids);
  ids.push_back(last_id_);
  return ids;
}

Encoding WordPiece::EncodeInput(std::string_view text, std::optional<std::string_view> second,
                                bool split_special_tokens, size_t max_tokens) const {
  std::vector<int32_t> first_ids;
  AppendText(text, split_special_tokens, first_ids);
  std::optional<std::vector<int32_t>> second_ids;
  if (second) AppendText(*second, split_special_tokens, second_ids.emplace());
  return frame_.Apply(std::move(first_ids), std::move(second_ids), max_tokens);
}

void WordPiece::AppendText(std::string_view text, bool split_special_tokens,
                           std::vector<int32_t>& ids) const {
  const auto take_normalized = [&](std::string_view piece, std::optional<int32_t> id) {
    if (id) {
      ids.push_back(*id);
    } else {
      EncodeNormalized(piece, ids);
    }
  };
  raw_matcher_.Split(text, split_special_tokens,
                     [&](std::string_view piece, std::optional<int32_t> id) {
                       id ? take_normalized(piece, id)
                          : normalized_matcher_.Split(normalizer_.Normalize(piece),
                                                      split_special_tokens, take_normalized);
                     });
}

void WordPiece::Truncate(std::vector<int32_t>& ids, size_t max_tokens) const {
  if (ids.size() <= max_tokens) return;
  ids[max_tokens - 1] = ids.back();
  ids.resize(max_tokens);
}

std::vector<TokenSpan> WordPiece::EncodeWithSpans(std::string_view text,
                                                  bool split_special_tokens) const {
  std::vector<TokenSpan> spans;
  const auto take = [&](std::string_view piece, std::optional<int32_t> id) {
    const size_t begin = piece.data() - text.data();
    if (id) {
      spans.push_back({*id, begin, begin + piece.size()});
      return;
    }
    const std::string normalized = normalizer_.Normalize(piece);
    const std::vector<BertNormalizer::Origin> origins = normalizer_.Origins(piece);
    VisitSpans(normalized, split_special_tokens, [&](int32_t id, std::string_view part) {
      const size_t at = part.data() - normalized.data();
      spans.push_back({id, begin + origins[at].begin, begin + origins[at + part.size() - 1].end});
    });
  };
  raw_matcher_.Split(text, split_special_tokens, take);
  return spans;
}

void WordPiece::VisitSpans(std::string_view normalized, bool split_special_tokens,
                           SpanVisitor visit) const {
  std::vector<int32_t> ids;
  const auto take = [&](std::string_view text, std::optional<int32_t> id) {
    if (id) return visit(*id, text);
    for (std::string_view word = TakeWord(text); !word.empty(); word = TakeWord(text)) {
      ids.clear();
      EncodeWord(word, ids);
      if (ids.size() == 1) {  // Also that of an unknown word.
        visit(ids[0], word);
        continue;
      }
      for (size_t i = 0; i < ids.size(); ++i) {
        const size_t prefix_size = i > 0 ? continuing_prefix_.size() : 0;
        const size_t size = vocabulary_.token(ids[i]).size() - prefix_size;
        visit(ids[i], word.substr(0, size));
        word.remove_prefix(size);
      }
    }
  };
  normalized_matcher_.Split(normalized, split_special_tokens, take);
}

std::string WordPiece::Decode(std::span<const int32_t> ids) const {
  std::string text;
  bool first = true;
  for (const int32_t id : ids) {
    std::string_view token = vocabulary_.token(id);
    if (!std::exchange(first, false)) {
      if (token.starts_with(continuing_prefix_)) {
        token.remove_prefix(continuing_prefix_.size());
      } else if (!ClingsToWordBefore(token)) {
        text.push_back(' ');
      }
    }
    text += token;
  }
  return text;
}

void WordPiece::EncodeNormalized(std::string_view text, std::vector<int32_t>& ids) const {
  for (std::string_view word = TakeWord(text); !word.empty(); word = TakeWord(text)) {
    EncodeWord(word, ids);
  }
}

void WordPiece::EncodeWord(std::string_view word, std::vector<int32_t>& ids) const {
  const size_t num_ids = ids.size();
  bool known = NumCharacters(word) <= max_characters_per_word_;
  const ByteTrie* trie = &beginnings_;
  while (known && !word.empty()) {
    const ByteTrie::Match match = trie->LongestPrefix(word);
    known = match.num_bytes > 0;
    ids.push_back(match.value);
    word.remove_prefix(match.num_bytes);
    trie = &continuations_;
  }
  if (known) return;
  ids.resize(num_ids);
  ids.push_back(unknown_id_);
}

}  // namespace chorus::runner
