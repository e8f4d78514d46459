#pragma once

// Character classes of Hugging Face's tokenizers. Their components follow different Unicode
// versions, so the classes come from tables generated from the library (unicode_tables.h); only
// what Unicode guarantees never to change (decompositions, combining classes) comes from utf8proc.
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

// Appends the context-free lower case of a character. U+0130 becomes "i", U+0307.
void AppendLowerCase(char32_t c, std::u32string& out);

// The canonical decomposition (NFD) without its nonspacing marks: "Crème" -> "Creme".
std::u32string StripAccents(std::u32string_view text);

void AppendUtf8(char32_t c, std::string& out);

}  // namespace chorus::runner
