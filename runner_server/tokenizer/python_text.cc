#include "runner_server/tokenizer/python_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

constexpr char32_t kSigma = 0x3A3;
constexpr char32_t kFinalSigma = 0x3C2;

utf8proc_category_t CategoryOf(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// Unicode's Case_Ignorable: those of some categories, and the punctuation within words.
bool IsCaseIgnorable(char32_t c) {
  constexpr char32_t kWithinWords[] = {'\'',   '.',    ':',    0xB7,   0x387,  0x55F,
                                       0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                       0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return std::ranges::find(kWithinWords, c) != std::end(kWithinWords);
  }
}

// Unicode's Cased: letters with case, ordinal indicators, Roman numerals and letters in frames.
bool IsCased(char32_t c) {
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:
      return c == 0xAA || c == 0xBA || (c >= 0x2160 && c <= 0x217F) ||
             (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
             (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  }
}

// Whether the sigma at `at` ends a word: a letter with case before it, and none behind.
bool IsFinal(std::u32string_view text, size_t at) {
  size_t before = at;
  while (before > 0 && IsCaseIgnorable(text[before - 1])) --before;
  size_t after = at + 1;
  while (after < text.size() && IsCaseIgnorable(text[after])) ++after;
  return before > 0 && IsCased(text[before - 1]) && (after == text.size() || !IsCased(text[after]));
}

// Python's white space has four controls more than \s.
bool IsPythonSpace(char32_t c) { return HasTrait(c, kIsSpace) || (c >= 0x1C && c <= 0x1F); }

}  // namespace

std::string_view PythonStrip(std::string_view text) {
  while (!text.empty()) {
    const Utf8Step step = DecodeUtf8(text);
    if (!IsPythonSpace(step.code_point)) break;
    text.remove_prefix(step.num_bytes);
  }
  while (!text.empty()) {
    size_t begin = text.size() - 1;
    while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
    if (!IsPythonSpace(DecodeUtf8(text.substr(begin)).code_point)) break;
    text = text.substr(0, begin);
  }
  return text;
}

std::string PythonLower(std::string_view text) {
  std::u32string characters, lower;
  while (!text.empty()) {
    const Utf8Step step = DecodeUtf8(text);
    characters.push_back(step.code_point);
    text.remove_prefix(step.num_bytes);
  }
  for (size_t i = 0; i < characters.size(); ++i) {
    if (characters[i] == kSigma && IsFinal(characters, i)) {
      lower.push_back(kFinalSigma);
    } else {
      AppendLowerCase(characters[i], lower);
    }
  }
  std::string bytes;
  for (const char32_t c : lower) AppendUtf8(c, bytes);
  return bytes;
}

}  // namespace chorus::runner
