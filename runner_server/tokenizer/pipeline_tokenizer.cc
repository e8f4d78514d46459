#include "runner_server/tokenizer/pipeline_tokenizer.h"

#include <algorithm>

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

}  // namespace

PipelineTokenizer::PipelineTokenizer(Parts parts) : parts_(std::move(parts)) {
  needs_origins_ = parts_.pre_tokenizer != nullptr && parts_.pre_tokenizer->needs_origins();
  SetMatchers();
  SetBytes();
}

void PipelineTokenizer::SetMatchers() {
  const Normalizer* const normalizer = parts_.added_token_normalizer != nullptr
                                           ? parts_.added_token_normalizer.get()
                                           : parts_.normalizer.get();
  std::vector<std::pair<AddedToken, std::string>> raw;
  std::vector<std::pair<AddedToken, std::string>> normalized;
  const auto add = [&](bool special) {
    for (const AddedToken& token : parts_.vocabulary->added_tokens()) {
      if (token.special != special) continue;
      AlignedText spelling(token.content, 0, /*tracked=*/false);
      if (token.normalized && normalizer != nullptr) normalizer->Normalize(spelling);
      (token.normalized ? normalized : raw).emplace_back(token, spelling.text());
    }
  };
  add(/*special=*/true);
  add(/*special=*/false);
  raw_matcher_ = AddedTokenMatcher(std::move(raw));
  normalized_matcher_ = AddedTokenMatcher(std::move(normalized));
}

void PipelineTokenizer::SetBytes() {
  std::vector<std::string> bytes;
  bytes.reserve(vocab_size());
  absl::flat_hash_map<std::string, int32_t> numbers;  // Of what is left out where it is repeated.
  for (int32_t id = 0; id < vocab_size(); ++id) {
    DecodedToken decoded;
    if (!parts_.decoder.DecodeAlone(parts_.vocabulary->token(id), decoded)) return;
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
}

std::vector<int32_t> PipelineTokenizer::EncodeText(std::string_view text,
                                                   bool split_special_tokens) const {
  std::vector<int32_t> ids;
  AddText(text, split_special_tokens, {.ids = &ids});
  return ids;
}

std::vector<int32_t> PipelineTokenizer::Encode(std::string_view text,
                                               bool split_special_tokens) const {
  std::vector<int32_t> ids = EncodeText(text, split_special_tokens);
  if (parts_.post_processor.frame.single().size() == 1) return ids;  // There is no frame.
  return parts_.post_processor.frame.Apply(std::move(ids), std::nullopt, SIZE_MAX).ids;
}

Encoding PipelineTokenizer::EncodeInput(std::string_view text,
                                        std::optional<std::string_view> second,
                                        bool split_special_tokens, size_t max_tokens) const {
  std::optional<std::vector<int32_t>> second_ids;
  if (second) second_ids = EncodeText(*second, split_special_tokens);
  return parts_.post_processor.frame.Apply(EncodeText(text, split_special_tokens),
                                           std::move(second_ids), max_tokens);
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

std::vector<TokenSpan> PipelineTokenizer::EncodeWithSpans(std::string_view text,
                                                          bool split_special_tokens) const {
  std::vector<TokenSpan> spans;
  AddText(text, split_special_tokens, {.spans = &spans, .text = text});
  return spans;
}

void PipelineTokenizer::AddText(std::string_view text, bool split_special_tokens,
                                const Output& output) const {
  const bool tracked = output.spans != nullptr || needs_origins_;
  raw_matcher_.Split(
      text, split_special_tokens, [&](std::string_view piece, std::optional<int32_t> id) {
        const size_t begin = piece.data() - text.data();
        const AlignedText aligned(piece, begin, tracked);
        if (id) return AddAddedToken(*id, piece, aligned.OriginOf(0, piece.size()), output);
        AddPiece(aligned, split_special_tokens, output);
      });
}

void PipelineTokenizer::AddPiece(AlignedText text, bool split_special_tokens,
                                 const Output& output) const {
  if (parts_.normalizer != nullptr) parts_.normalizer->Normalize(text);
  if (normalized_matcher_.empty()) return AddWords(std::move(text), output);
  const std::string_view normalized = text.text();
  normalized_matcher_.Split(normalized, split_special_tokens,
                            [&](std::string_view piece, std::optional<int32_t> id) {
                              const size_t begin = piece.data() - normalized.data();
                              const size_t end = begin + piece.size();
                              if (id)
                                return AddAddedToken(*id, piece, text.OriginOf(begin, end), output);
                              AddWords(text.Slice(begin, end), output);
                            });
}

void PipelineTokenizer::AddAddedToken(int32_t id, std::string_view text, AlignedText::Origin origin,
                                      const Output& output) const {
  if (output.spans == nullptr) return output.ids->push_back(id);
  AddSpan(text, {id, origin.begin, origin.end}, output);
}

void PipelineTokenizer::AddWords(AlignedText text, const Output& output) const {
  PreTokens tokens(std::move(text));
  if (parts_.pre_tokenizer != nullptr) parts_.pre_tokenizer->Split(tokens);
  const std::string_view all = tokens.text.text();
  if (output.spans == nullptr) {
    for (const PreTokens::Word& word : tokens.words) {
      parts_.model->Encode(all.substr(word.begin, word.end - word.begin), *output.ids, nullptr);
    }
    return;
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
}

void PipelineTokenizer::AddSpan(std::string_view token, TokenSpan span,
                                const Output& output) const {
  for (const PostProcessor::Trim trim : parts_.post_processor.trims) {
    const bool is_first = output.spans->empty() || span.begin == 0;
    Trim(token, output.text, is_first && trim.keeps_prefix_space, span);
  }
  output.spans->push_back(span);
}

std::string PipelineTokenizer::Decode(std::span<const int32_t> ids) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) tokens.push_back(parts_.vocabulary->token(id));
  return parts_.decoder.Decode(std::move(tokens));
}

}  // namespace chorus::runner
