#include "runner_server/tokenizer/byte_level_bpe.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/byte_alphabet.h"
#include "runner_server/tokenizer/pre_tokens.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

// Whether the token is a single character, or reads as special ones do.
bool NeedsNoMerge(std::string_view token) {
  const auto num_characters =
      std::count_if(token.begin(), token.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
  return num_characters <= 1 || (token.starts_with('<') && token.ends_with('>')) ||
         (token.starts_with('[') && token.ends_with(']')) ||
         token.starts_with("madeupword");  // fairseq fills vocabularies up with these.
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteLevelBpe>> ByteLevelBpe::Create(Definition definition) {
  ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Create(std::move(definition.tokens),
                                                             std::move(definition.added_tokens)));
  std::unique_ptr<ByteLevelBpe> bpe(new ByteLevelBpe(std::move(vocabulary), definition));
  RETURN_IF_ERROR(bpe->SetByteIds());
  RETURN_IF_ERROR(bpe->AddMerges(definition.merges));
  RETURN_IF_ERROR(bpe->CheckTokensAreMade(definition));
  ASSIGN_OR_RETURN(bpe->eos_id_, bpe->vocabulary_.Require(definition.eos_token, "ends a text"));
  if (!definition.first_token.empty() || !definition.last_token.empty()) {
    ASSIGN_OR_RETURN(bpe->first_id_,
                     bpe->vocabulary_.Require(definition.first_token, "begins every text"));
    ASSIGN_OR_RETURN(bpe->last_id_,
                     bpe->vocabulary_.Require(definition.last_token, "ends every text"));
    bpe->frame_ = Frame::Roberta(bpe->first_id_, bpe->last_id_);
  }
  bpe->SetBytes();
  bpe->SetMatchers();
  return bpe;
}

absl::Status ByteLevelBpe::SetByteIds() {
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    const std::string purpose = absl::StrFormat("stands for byte 0x%02X", byte);
    ASSIGN_OR_RETURN(byte_ids_[byte], vocabulary_.Require(ByteAlphabet()[byte], purpose));
  }
  return absl::OkStatus();
}

absl::Status ByteLevelBpe::AddMerges(
    const std::vector<std::pair<std::string, std::string>>& merges) {
  merges_.Reserve(merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const auto& [left, right] = merges[i];
    const auto error = [&, i](std::string_view what) {
      return absl::InvalidArgumentError(
          absl::StrFormat("merge %d (\"%s\" and \"%s\"): %s", i + 1, left, right, AbslView(what)));
    };
    const std::optional<int32_t> left_id = vocabulary_.Find(left);
    const std::optional<int32_t> right_id = vocabulary_.Find(right);
    const std::optional<int32_t> merged_id = vocabulary_.Find(left + right);
    if (!left_id || !right_id) return error("merges what is not in the vocabulary");
    if (!merged_id) return error("makes what is not in the vocabulary");
    if (!merges_.Add(*left_id, *right_id, *merged_id)) return error("is there twice");
  }
  return absl::OkStatus();
}

absl::Status ByteLevelBpe::CheckTokensAreMade(const Definition& definition) const {
  absl::flat_hash_set<std::string> made = {
      absl::StrReplaceAll(definition.unread_merge, {{" ", ""}})};
  for (const auto& [left, right] : definition.merges) made.insert(left + right);
  for (const AddedToken& token : vocabulary_.added_tokens()) made.insert(token.content);
  const std::string* first = nullptr;
  size_t num_missing = 0;
  for (const std::string& token : vocabulary_.model_tokens()) {
    if (NeedsNoMerge(token) || made.contains(token)) continue;
    if (num_missing++ == 0) first = &token;
  }
  if (num_missing == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "there are %d merges, and the vocabulary of %d tokens needs %d more, the first to make "
      "\"%s\": the merges have been cut short, or are another model's",
      definition.merges.size(), vocabulary_.model_tokens().size(), num_missing, *first));
}

void ByteLevelBpe::SetBytes() {
  for (int32_t id = 0; id < vocabulary_.size(); ++id) {
    bytes_.push_back(SpelledBytes(vocabulary_.token(id)));
  }
  is_special_.resize(vocabulary_.size());
  for (const AddedToken& token : vocabulary_.added_tokens()) is_special_[token.id] = token.special;
}

void ByteLevelBpe::SetMatchers() {
  for (const AddedToken& token : vocabulary_.added_tokens()) {
    (token.normalized ? second_matcher_ : first_matcher_).Add(token);
  }
}

std::vector<int32_t> ByteLevelBpe::Encode(std::string_view text, bool split_special_tokens) const {
  std::vector<int32_t> ids;
  if (first_id_ >= 0) ids.push_back(first_id_);
  AppendText(text, split_special_tokens, ids);
  if (first_id_ >= 0) ids.push_back(last_id_);
  return ids;
}

Encoding ByteLevelBpe::EncodeInput(std::string_view text, std::optional<std::string_view> second,
                                   bool split_special_tokens, size_t max_tokens) const {
  std::vector<int32_t> first_ids;
  AppendText(text, split_special_tokens, first_ids);
  std::optional<std::vector<int32_t>> second_ids;
  if (second) AppendText(*second, split_special_tokens, second_ids.emplace());
  return frame_.Apply(std::move(first_ids), std::move(second_ids), max_tokens);
}

void ByteLevelBpe::AppendText(std::string_view text, bool split_special_tokens,
                              std::vector<int32_t>& ids) const {
  VisitPieces(text, split_special_tokens, [&](std::string_view piece, std::optional<int32_t> id) {
    if (id) {
      ids.push_back(*id);
    } else {
      EncodeOrdinary(piece, ids);
    }
  });
}

void ByteLevelBpe::Truncate(std::vector<int32_t>& ids, size_t max_tokens) const {
  if (ids.size() <= max_tokens) return;
  if (first_id_ >= 0) ids[max_tokens - 1] = last_id_;
  ids.resize(max_tokens);
}

void ByteLevelBpe::VisitPieces(std::string_view text, bool split_special_tokens,
                               AddedTokenMatcher::Visitor visit) const {
  first_matcher_.Split(
      text, split_special_tokens, [&](std::string_view piece, std::optional<int32_t> id) {
        id ? visit(piece, id) : second_matcher_.Split(piece, split_special_tokens, visit);
      });
}

std::vector<TokenSpan> ByteLevelBpe::EncodeWithSpans(std::string_view text,
                                                     bool split_special_tokens) const {
  std::vector<TokenSpan> spans;
  const auto add = [&](TokenSpan span, std::string_view token, bool is_added) {
    if (trims_spans_) Trim(token, is_added, span);
    spans.push_back(span);
  };
  std::vector<int32_t> ids;
  const auto take = [&](std::string_view piece, std::optional<int32_t> id) {
    size_t begin = piece.data() - text.data();
    if (id) return add({*id, begin, begin + piece.size()}, piece, /*is_added=*/true);
    ids.clear();
    EncodeOrdinary(piece, ids);
    size_t given = IsGivenSpace(piece) ? 1 : 0;  // Bytes of the next token that are not the text's.
    for (const int32_t ordinary_id : ids) {
      const size_t end = begin + bytes_[ordinary_id].size() - std::exchange(given, 0);
      add({ordinary_id, begin, end}, bytes_[ordinary_id], /*is_added=*/false);
      begin = end;
    }
  };
  VisitPieces(text, split_special_tokens, take);
  return spans;
}

// As Hugging Face's process_offsets, which takes a space at the text's beginning for the one that
// it was given, whether it was or not.
void ByteLevelBpe::Trim(std::string_view token, bool is_added, TokenSpan& span) const {
  size_t leading = 0;
  size_t last_size = 0;  // Of the last space of these.
  while (leading < token.size()) {
    const Utf8Step step = DecodeUtf8(token.substr(leading));
    if (step.code_point != U' ' && !(is_added && HasTrait(step.code_point, kIsSpace))) break;
    last_size = step.num_bytes;
    leading += last_size;
  }
  if (add_prefix_space_ && span.begin == 0) leading -= last_size;
  const size_t trailing = token.size() - (token.find_last_not_of(' ') + 1);
  span.begin = std::min(span.begin + leading, span.end);
  if (trailing <= span.end) span.end = std::max(span.end - trailing, span.begin);
}

std::string ByteLevelBpe::Decode(std::span<const int32_t> ids) const {
  std::string bytes;
  for (const int32_t id : ids) bytes += bytes_[id];
  return ReplaceInvalidUtf8(bytes);
}

void ByteLevelBpe::EncodeOrdinary(std::string_view text, std::vector<int32_t>& ids) const {
  std::string with_space;
  if (IsGivenSpace(text)) {
    with_space = absl::StrCat(" ", AbslView(text));
    text = with_space;
  }
  std::vector<int32_t> word;
  while (!text.empty()) {
    const size_t size = FirstPreTokenSize(text);
    word.clear();
    for (const char byte : text.substr(0, size)) {
      word.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
    }
    merges_.Apply(word);
    ids.insert(ids.end(), word.begin(), word.end());
    text.remove_prefix(size);
  }
}

}  // namespace chorus::runner
