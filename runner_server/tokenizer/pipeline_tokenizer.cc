#include "runner_server/tokenizer/pipeline_tokenizer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "runner_server/tokenizer/byte_alphabet.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

// How the byte-level alphabet writes a space.
constexpr char32_t kSpelledSpace = 0x120;

bool IsOuterSpace(char32_t c) { return c == kSpelledSpace || HasTrait(c, kIsSpace); }

// Where the character before `end` begins.
size_t CharacterBefore(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
  return begin;
}

// As Hugging Face's process_offsets: leaves as many characters of the text out of the span as there
// are spaces at the ends of the token. One at its beginning may be one that the text was given.
void Trim(std::string_view token, std::string_view text, bool keeps_one_space, TokenSpan& span) {
  size_t num_leading = 0;
  for (size_t at = 0; at < token.size(); ++num_leading) {
    const Utf8Step step = DecodeUtf8(token.substr(at));
    if (!IsOuterSpace(step.code_point)) break;
    at += step.num_bytes;
  }
  if (keeps_one_space && num_leading == 1) num_leading = 0;
  size_t num_trailing = 0;
  for (size_t end = token.size(); end > 0; ++num_trailing) {
    end = CharacterBefore(token, end);
    if (!IsOuterSpace(DecodeUtf8(token.substr(end)).code_point)) break;
  }
  for (; num_leading > 0 && span.begin < span.end; --num_leading) {
    span.begin = std::min(span.begin + DecodeUtf8(text.substr(span.begin)).num_bytes, span.end);
  }
  size_t end = span.end;
  for (; num_trailing > 0 && end > 0; --num_trailing) end = CharacterBefore(text, end);
  if (num_trailing == 0) span.end = std::max(end, span.begin);
}

// The budget's error, of the part that has spent it.
absl::Status InPart(const char* part, const absl::Status& status) {
  if (status.ok()) return status;
  return {status.code(), absl::StrCat(part, " ", status.message())};
}

}  // namespace

absl::StatusOr<std::unique_ptr<PipelineTokenizer>> PipelineTokenizer::Create(Parts parts) {
  std::unique_ptr<PipelineTokenizer> tokenizer(new PipelineTokenizer(std::move(parts)));
  const PreTokenizer* const pre_tokenizer = tokenizer->parts_.pre_tokenizer.get();
  tokenizer->needs_origins_ = pre_tokenizer != nullptr && pre_tokenizer->needs_origins();
  RETURN_IF_ERROR(InPart("of the added tokens the normalizer", tokenizer->SetMatchers()));
  RETURN_IF_ERROR(InPart("of the vocabulary the decoder", tokenizer->SetBytes()));
  return tokenizer;
}

absl::Status PipelineTokenizer::SetMatchers() {
  const Normalizer* const normalizer = parts_.added_token_normalizer != nullptr
                                           ? parts_.added_token_normalizer.get()
                                           : parts_.normalizer.get();
  std::vector<std::pair<AddedToken, std::string>> raw;
  std::vector<std::pair<AddedToken, std::string>> normalized;
  size_t num_bytes = 0;
  for (const AddedToken& token : parts_.vocabulary->added_tokens())
    num_bytes += token.content.size();
  TextBudget budget(num_bytes);
  for (const bool special : {true, false}) {
    for (const AddedToken& token : parts_.vocabulary->added_tokens()) {
      if (token.special != special) continue;
      AlignedText spelling(token.content, 0, /*tracked=*/false, budget);
      if (token.normalized && normalizer != nullptr) {
        RETURN_IF_ERROR(normalizer->Normalize(spelling));
      }
      (token.normalized ? normalized : raw).emplace_back(token, spelling.text());
    }
  }
  raw_matcher_ = AddedTokenMatcher(std::move(raw));
  normalized_matcher_ = AddedTokenMatcher(std::move(normalized));
  return absl::OkStatus();
}

absl::Status PipelineTokenizer::SetBytes() {
  size_t num_bytes = 0;
  for (int32_t id = 0; id < vocab_size(); ++id) num_bytes += parts_.vocabulary->token(id).size();
  TextBudget budget(num_bytes);
  std::vector<std::string> bytes;
  bytes.reserve(vocab_size());
  absl::flat_hash_map<std::string, int32_t> numbers;  // Of what is left out where it is repeated.
  for (int32_t id = 0; id < vocab_size(); ++id) {
    DecodedToken decoded;
    ASSIGN_OR_RETURN(const bool is_alone,
                     parts_.decoder.DecodeAlone(parts_.vocabulary->token(id), budget, decoded));
    if (!is_alone) return absl::OkStatus();
    if (decoded.first_text != decoded.text) first_bytes_[id] = std::move(decoded.first_text);
    if (decoded.last_text != decoded.text) last_bytes_[id] = std::move(decoded.last_text);
    if (decoded.repeated) {
      repeat_numbers_.push_back(
          numbers.try_emplace(*std::move(decoded.repeated), id).first->second);
    }
    bytes.push_back(std::move(decoded.text));
  }
  for (const AddedToken& token : parts_.vocabulary->added_tokens()) {
    if (!token.special) continue;
    bytes[token.id].clear();
    first_bytes_.erase(token.id);
    last_bytes_.erase(token.id);
    if (!repeat_numbers_.empty()) repeat_numbers_[token.id] = -1;
  }
  bytes_ = std::move(bytes);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int32_t>> PipelineTokenizer::EncodeText(
    std::string_view text, bool split_special_tokens) const {
  std::vector<int32_t> ids;
  RETURN_IF_ERROR(AddText(text, split_special_tokens, {.ids = &ids}));
  return ids;
}

absl::StatusOr<std::vector<int32_t>> PipelineTokenizer::Encode(std::string_view text,
                                                               bool split_special_tokens) const {
  ASSIGN_OR_RETURN(std::vector<int32_t> ids, EncodeText(text, split_special_tokens));
  if (parts_.post_processor.frame.single().size() == 1) return ids;  // There is no frame.
  return parts_.post_processor.frame.Apply(std::move(ids), std::nullopt, SIZE_MAX).ids;
}

absl::StatusOr<Encoding> PipelineTokenizer::EncodeInput(std::string_view text,
                                                        std::optional<std::string_view> second,
                                                        bool split_special_tokens,
                                                        size_t max_tokens) const {
  std::optional<std::vector<int32_t>> second_ids;
  if (second) {
    ASSIGN_OR_RETURN(second_ids, EncodeText(*second, split_special_tokens));
  }
  ASSIGN_OR_RETURN(std::vector<int32_t> ids, EncodeText(text, split_special_tokens));
  return parts_.post_processor.frame.Apply(std::move(ids), std::move(second_ids), max_tokens);
}

void PipelineTokenizer::Truncate(std::vector<int32_t>& ids, size_t max_tokens) const {
  if (ids.size() <= max_tokens) return;
  const std::vector<Frame::Item>& items = parts_.post_processor.frame.single();
  const auto text = std::ranges::find(items.rbegin(), items.rend(), Frame::Item::Kind::kFirstText,
                                      &Frame::Item::kind);
  const auto excess = static_cast<ptrdiff_t>(ids.size() - max_tokens);
  const auto num_last = std::min<ptrdiff_t>(text - items.rbegin(), max_tokens);
  ids.erase(ids.end() - num_last - excess, ids.end() - num_last);
}

absl::StatusOr<std::vector<TokenSpan>> PipelineTokenizer::EncodeWithSpans(
    std::string_view text, bool split_special_tokens) const {
  std::vector<TokenSpan> spans;
  RETURN_IF_ERROR(AddText(text, split_special_tokens, {.spans = &spans, .text = text}));
  return spans;
}

absl::Status PipelineTokenizer::AddText(std::string_view text, bool split_special_tokens,
                                        const Output& output) const {
  const bool tracked = output.spans != nullptr || needs_origins_;
  TextBudget budget(text.size());
  absl::Status status;
  raw_matcher_.Split(
      text, split_special_tokens, [&](std::string_view piece, std::optional<int32_t> id) {
        if (!status.ok()) return;
        const size_t begin = piece.data() - text.data();
        const AlignedText aligned(piece, begin, tracked, budget);
        if (id) return AddAddedToken(*id, piece, aligned.OriginOf(0, piece.size()), output);
        status = AddPiece(aligned, split_special_tokens, output);
      });
  return status;
}

absl::Status PipelineTokenizer::AddPiece(AlignedText text, bool split_special_tokens,
                                         const Output& output) const {
  if (parts_.normalizer != nullptr) {
    RETURN_IF_ERROR(InPart("the tokenizer's normalizer", parts_.normalizer->Normalize(text)));
  }
  if (normalized_matcher_.empty()) return AddWords(std::move(text), output);
  const std::string_view normalized = text.text();
  absl::Status status;
  normalized_matcher_.Split(normalized, split_special_tokens,
                            [&](std::string_view piece, std::optional<int32_t> id) {
                              if (!status.ok()) return;
                              const size_t begin = piece.data() - normalized.data();
                              const size_t end = begin + piece.size();
                              if (id)
                                return AddAddedToken(*id, piece, text.OriginOf(begin, end), output);
                              status = AddWords(text.Slice(begin, end), output);
                            });
  return status;
}

void PipelineTokenizer::AddAddedToken(int32_t id, std::string_view text, AlignedText::Origin origin,
                                      const Output& output) const {
  if (output.spans == nullptr) return output.ids->push_back(id);
  AddSpan(text, {id, origin.begin, origin.end}, output);
}

absl::Status PipelineTokenizer::AddWords(AlignedText text, const Output& output) const {
  PreTokens tokens(std::move(text));
  if (parts_.pre_tokenizer != nullptr) {
    RETURN_IF_ERROR(InPart("the tokenizer's pre_tokenizer", parts_.pre_tokenizer->Split(tokens)));
  }
  const std::string_view all = tokens.text.text();
  if (output.spans == nullptr) {
    for (const PreTokens::Word& word : tokens.words) {
      parts_.model->Encode(all.substr(word.begin, word.end - word.begin), *output.ids, nullptr);
    }
    return absl::OkStatus();
  }
  std::vector<int32_t> ids;
  std::vector<TokenModel::Part> parts;
  for (const PreTokens::Word& word : tokens.words) {
    ids.clear();
    parts.clear();
    parts_.model->Encode(all.substr(word.begin, word.end - word.begin), ids, &parts);
    for (size_t i = 0; i < ids.size(); ++i) {
      // A model that knows not every character may count others' bytes.
      const uint32_t begin = word.begin + std::min(parts[i].begin, word.end - word.begin - 1);
      const uint32_t end = std::clamp(word.begin + parts[i].end, begin + 1, word.end);
      const AlignedText::Origin origin = tokens.text.OriginOf(begin, end);
      AddSpan(parts_.vocabulary->token(ids[i]),
              {ids[i], origin.begin, std::max(origin.begin, origin.end)}, output);
    }
  }
  return absl::OkStatus();
}

void PipelineTokenizer::AddSpan(std::string_view token, TokenSpan span,
                                const Output& output) const {
  for (const PostProcessor::Trim trim : parts_.post_processor.trims) {
    const bool is_first = output.spans->empty() || span.begin == 0;
    Trim(token, output.text, is_first && trim.keeps_prefix_space, span);
  }
  output.spans->push_back(span);
}

absl::StatusOr<std::string> PipelineTokenizer::Decode(std::span<const int32_t> ids) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) tokens.push_back(parts_.vocabulary->token(id));
  absl::StatusOr<std::string> text = parts_.decoder.Decode(std::move(tokens));
  if (!text.ok()) return InPart("the tokenizer's decoder", text.status());
  return text;
}

}  // namespace chorus::runner
