#include "runner_server/tokenizer/byte_level_bpe.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "runner_server/tokenizer/byte_alphabet.h"
#include "runner_server/tokenizer/pre_tokens.h"

namespace chorus {

absl::StatusOr<std::unique_ptr<ByteLevelBpe>> ByteLevelBpe::Create(Definition definition) {
  ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Create(std::move(definition.tokens),
                                                             std::move(definition.added_tokens)));
  std::unique_ptr<ByteLevelBpe> bpe(
      new ByteLevelBpe(std::move(vocabulary), definition.add_prefix_space));
  RETURN_IF_ERROR(bpe->SetByteIds());
  RETURN_IF_ERROR(bpe->AddMerges(definition.merges));
  ASSIGN_OR_RETURN(bpe->eos_id_, bpe->vocabulary_.Require(definition.eos_token, "ends a text"));
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

void ByteLevelBpe::SetBytes() {
  for (int32_t id = 0; id < vocabulary_.size(); ++id) {
    bytes_.push_back(SpelledBytes(vocabulary_.token(id)));
  }
  is_special_.resize(vocabulary_.size());
  for (const AddedToken& token : vocabulary_.added_tokens()) is_special_[token.id] = token.special;
}

void ByteLevelBpe::SetMatchers() {
  for (const AddedToken& token : vocabulary_.added_tokens()) {
    (token.normalized ? second_matcher_ : first_matcher_).Add(token.content, token.id);
  }
}

std::vector<int32_t> ByteLevelBpe::Encode(std::string_view text, size_t max_tokens) const {
  std::vector<int32_t> ids;
  const auto is_full = [&] { return ids.size() >= max_tokens; };
  const auto take = [&](std::string_view piece, std::optional<int32_t> id) {
    if (id) {
      ids.push_back(*id);
    } else {
      EncodeOrdinary(piece, max_tokens, ids);
    }
    return !is_full();
  };
  VisitPieces(text, take);
  if (is_full()) ids.resize(max_tokens);
  return ids;
}

void ByteLevelBpe::VisitPieces(std::string_view text, AddedTokenMatcher::Visitor visit) const {
  first_matcher_.Split(text, [&](std::string_view piece, std::optional<int32_t> id) {
    return id ? visit(piece, id) : second_matcher_.Split(piece, visit);
  });
}

std::vector<TokenSpan> ByteLevelBpe::EncodeWithSpans(std::string_view text) const {
  std::vector<TokenSpan> spans;
  std::vector<int32_t> ids;
  const auto take = [&](std::string_view piece, std::optional<int32_t> id) {
    size_t begin = piece.data() - text.data();
    if (id) {
      spans.push_back({*id, begin, begin + piece.size()});
      return true;
    }
    ids.clear();
    EncodeOrdinary(piece, SIZE_MAX, ids);
    size_t given = IsGivenSpace(piece) ? 1 : 0;  // Bytes of the next token that are not the text's.
    for (const int32_t ordinary_id : ids) {
      const size_t end = begin + bytes_[ordinary_id].size() - std::exchange(given, 0);
      spans.push_back({ordinary_id, begin, end});
      begin = end;
    }
    return true;
  };
  VisitPieces(text, take);
  return spans;
}

std::string ByteLevelBpe::Decode(std::span<const int32_t> ids) const {
  std::string bytes;
  for (const int32_t id : ids) bytes += bytes_[id];
  return ReplaceInvalidUtf8(bytes);
}

void ByteLevelBpe::EncodeOrdinary(std::string_view text, size_t max_tokens,
                                  std::vector<int32_t>& ids) const {
  std::string with_space;
  if (IsGivenSpace(text)) {
    with_space = absl::StrCat(" ", AbslView(text));
    text = with_space;
  }
  std::vector<int32_t> word;
  while (!text.empty() && ids.size() < max_tokens) {
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

}  // namespace chorus
