#pragma once

// Characters as Hugging Face's tokenizers see them. Their parts follow different versions of
// Unicode, so the answers come from tables asked of the library itself (unicode_tables.h), and only
// what Unicode promises never to change (decompositions, combining classes) from utf8proc.
//
// Thread safety: free functions without state.

#include <cstdint>
#include <string>
#include <string_view>

namespace chorus::runner {

enum CharacterTrait : uint8_t {
  kIsLetter = 1,            // \p{L}
  kIsNumber = 2,            // \p{N}
  kIsSpace = 4,             // \s
  kIsBertRemoved = 8,       // NUL, controls other than tab and line ends, U+FFFD.
  kIsBertIdeograph = 16,    // Of the CJK blocks that BERT sets apart by spaces.
  kIsBertPunctuation = 32,  // All of ASCII that is neither letter, digit nor space, and \p{P}.
  kIsNonspacingMark = 64,   // \p{Mn}
};

// The traits of a character, or-ed; 0 above U+10FFFF.
uint8_t CharacterTraits(char32_t c);

inline bool HasTrait(char32_t c, CharacterTrait trait) { return CharacterTraits(c) & trait; }

// Lower case of a single character, whatever stands around it. U+0130 becomes "i", U+0307.
void AppendLowerCase(char32_t c, std::u32string& out);

// The canonical decomposition (NFD) without its nonspacing marks: "Crème" -> "Creme".
std::u32string StripAccents(std::u32string_view text);

// `text` must be UTF-8; what is not becomes U+FFFD.
std::u32string DecodeUtf8All(std::string_view text);

void AppendUtf8(char32_t c, std::string& out);

}  // namespace chorus::runner
