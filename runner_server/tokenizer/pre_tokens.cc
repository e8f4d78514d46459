#include "runner_server/tokenizer/pre_tokens.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

constexpr uint16_t kRunTraits = kIsLetter | kIsNumber | kIsSpace;

// The trait that decides which run the first character belongs to; 0 for the run of the others.
uint16_t RunTrait(const Utf8Step& step) { return CharacterTraits(step.code_point) & kRunTraits; }

constexpr bool IsAscii(char byte) { return static_cast<uint8_t>(byte) < 0x80; }

// RunTrait() of ASCII.
constexpr std::array<uint16_t, 128> kAsciiTraits = [] {
  std::array<uint16_t, 128> traits{};
  for (int c = 'A'; c <= 'Z'; ++c) traits[c] = traits[c - 'A' + 'a'] = kIsLetter;
  for (int c = '0'; c <= '9'; ++c) traits[c] = kIsNumber;
  for (const char c : {'\t', '\n', '\v', '\f', '\r', ' '}) traits[c] = kIsSpace;
  return traits;
}();

// RunTrait() of the first character.
uint16_t FirstTrait(std::string_view text) {
  return IsAscii(text.front()) ? kAsciiTraits[text.front()] : RunTrait(DecodeUtf8(text));
}

// Bytes of `text` from `begin` on that are characters of this trait.
size_t RunEnd(std::string_view text, size_t begin, uint16_t trait) {
  size_t end = begin;
  while (end < text.size()) {
    if (IsAscii(text[end])) {
      if (kAsciiTraits[text[end]] != trait) break;
      ++end;
      continue;
    }
    const Utf8Step step = DecodeUtf8(text.substr(end));
    if (RunTrait(step) != trait) break;
    end += step.num_bytes;
  }
  return end;
}

// 's|'t|'re|'ve|'m|'ll|'d, or 0.
size_t ContractionSize(std::string_view text) {
  static constexpr std::array<std::string_view, 7> kContractions = {"'s", "'t",  "'re", "'ve",
                                                                    "'m", "'ll", "'d"};
  if (text.front() != '\'') return 0;
  for (const std::string_view contraction : kContractions) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  return 0;
}

// \s+(?!\S)|\s+: all of the white space at the end of the text; elsewhere all but the last
// character, which goes with what follows, unless it is the only one.
size_t SpaceSize(std::string_view text) {
  const size_t end = RunEnd(text, 0, kIsSpace);
  if (end == text.size()) return end;
  size_t last = end - 1;
  while ((static_cast<uint8_t>(text[last]) & 0xC0) == 0x80) --last;
  return last == 0 ? end : last;
}

size_t FirstGpt2Size(std::string_view text) {
  if (const size_t size = ContractionSize(text); size != 0) return size;
  const size_t begin = text.front() == ' ' && text.size() > 1 ? 1 : 0;
  const uint16_t trait = FirstTrait(text.substr(begin));
  return trait == kIsSpace ? SpaceSize(text) : RunEnd(text, begin, trait);
}

// ASCII in lower case; the long s is an s.
char32_t Folded(char32_t c) {
  if (c == U'\u017F') return U's';
  return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d), or 0.
size_t FoldedContractionSize(std::string_view text) {
  if (text.size() < 2 || text.front() != '\'') return 0;
  const Utf8Step first = DecodeUtf8(text.substr(1));
  const size_t size = 1 + first.num_bytes;
  const char32_t c = Folded(first.code_point);
  if (c == 's' || c == 't' || c == 'm' || c == 'd') return size;
  if (size == text.size()) return 0;
  const char32_t next = Folded(static_cast<uint8_t>(text[size]));
  const bool ends =
      (c == 'r' && next == 'e') || (c == 'v' && next == 'e') || (c == 'l' && next == 'l');
  return ends ? size + 1 : 0;
}

bool IsLineEnd(char byte) { return byte == '\r' || byte == '\n'; }

// \s*[\r\n]+|\s+(?!\S)|\s+: white space up to its last line end, or as SpaceSize.
size_t LinesSize(std::string_view text) {
  size_t size = RunEnd(text, 0, kIsSpace);
  while (size > 0 && !IsLineEnd(text[size - 1])) --size;
  return size > 0 ? size : SpaceSize(text);
}

// [^\r\n\p{L}\p{N}]?\p{L}+ and the others, after the contractions.
size_t FirstWordSize(std::string_view text, int max_digits) {
  const Utf8Step first = DecodeUtf8(text);
  const uint16_t trait = RunTrait(first);
  if (trait == kIsLetter) return RunEnd(text, 0, kIsLetter);
  if (trait == kIsNumber) {
    size_t size = first.num_bytes;
    for (int digits = 1; digits < max_digits && size < text.size(); ++digits) {
      const Utf8Step next = DecodeUtf8(text.substr(size));
      if (RunTrait(next) != kIsNumber) break;
      size += next.num_bytes;
    }
    return size;
  }
  if (!IsLineEnd(text.front())) {
    const size_t end = RunEnd(text, first.num_bytes, kIsLetter);
    if (end > first.num_bytes) return end;
  }
  const size_t begin = text.front() == ' ' ? 1 : 0;
  size_t end = RunEnd(text, begin, 0);
  if (end == begin) return LinesSize(text);
  while (end < text.size() && IsLineEnd(text[end])) ++end;
  return end;
}

}  // namespace

std::optional<PreTokenPattern> PreTokenPatternFromText(std::string_view text) {
  if (text == R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") {
    return PreTokenPattern::kGpt2;
  }
  static constexpr std::string_view kBegin =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
  static constexpr std::string_view kEnd = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  if (!text.starts_with(kBegin)) return std::nullopt;
  text.remove_prefix(kBegin.size());
  if (text == kEnd) return PreTokenPattern::kQwen2;
  if (text.starts_with("{1,3}") && text.substr(5) == kEnd) return PreTokenPattern::kLlama3;
  return std::nullopt;
}

size_t FirstPreTokenSize(std::string_view text, PreTokenPattern pattern) {
  if (pattern == PreTokenPattern::kGpt2) return FirstGpt2Size(text);
  if (const size_t size = FoldedContractionSize(text); size != 0) return size;
  return FirstWordSize(text, pattern == PreTokenPattern::kLlama3 ? 3 : 1);
}

}  // namespace chorus::runner
