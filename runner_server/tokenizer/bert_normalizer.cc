#include "runner_server/tokenizer/bert_normalizer.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {

std::u32string BertNormalizer::Clean(std::string_view text) const {
  std::u32string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const Utf8Step step = DecodeUtf8(text);
    text.remove_prefix(step.num_bytes);
    char32_t c = step.code_point;
    const uint16_t traits = CharacterTraits(c);
    if (options_.clean_text) {
      if (traits & kIsBertRemoved) continue;
      if (traits & kIsSpace) c = U' ';
    }
    if (options_.handle_chinese_chars && (traits & kIsBertIdeograph)) {
      clean.append({U' ', c, U' '});
    } else {
      clean.push_back(c);
    }
  }
  return clean;
}

std::string BertNormalizer::NormalizeAscii(std::string_view text) const {
  std::string normalized;
  normalized.reserve(text.size());
  for (char byte : text) {
    const uint16_t traits = CharacterTraits(static_cast<char32_t>(byte));
    if (options_.clean_text) {
      if (traits & kIsBertRemoved) continue;
      if (traits & kIsSpace) byte = ' ';
    }
    if (options_.lowercase && byte >= 'A' && byte <= 'Z') byte += 'a' - 'A';
    normalized.push_back(byte);
  }
  return normalized;
}

std::string BertNormalizer::Normalize(std::string_view text) const {
  const auto is_ascii = [](char byte) { return static_cast<uint8_t>(byte) < 0x80; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) return NormalizeAscii(text);
  std::u32string characters = Clean(text);
  if (options_.strip_accents.value_or(options_.lowercase)) characters = StripAccents(characters);
  if (options_.lowercase) {
    std::u32string lower;
    lower.reserve(characters.size());
    for (const char32_t c : characters) AppendLowerCase(c, lower);
    characters = std::move(lower);
  }
  std::string normalized;
  normalized.reserve(characters.size());
  for (const char32_t c : characters) AppendUtf8(c, normalized);
  return normalized;
}

absl::Status BertNormalizer::Normalize(AlignedText& text) const {
  std::vector<AlignedText::Origin> origins;
  if (text.tracked()) {
    for (const Origin& origin : Origins(text.text())) {
      origins.push_back(text.OriginOf(origin.begin, origin.end));
    }
  }
  return text.Assign(Normalize(text.text()), std::move(origins));
}

std::vector<BertNormalizer::Origin> BertNormalizer::Origins(std::string_view text) const {
  std::vector<Origin> origins;
  origins.reserve(text.size());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = begin + DecodeUtf8(text.substr(begin)).num_bytes;
    const size_t num_bytes = Normalize(text.substr(begin, end - begin)).size();
    origins.insert(origins.end(), num_bytes, {begin, end});
    begin = end;
  }
  return origins;
}

}  // namespace chorus::runner
