#pragma once

// Character classes of Hugging Face's tokenizers. Their components follow different Unicode
// versions, so the classes come from tables generated from the library (unicode_tables.h); only
// what Unicode guarantees never to change (decompositions, combining classes) comes from utf8proc.
//
// Thread safety: free functions without state.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chorus::runner {

enum CharacterTrait : uint16_t {
  kIsLetter = 1,            // \p{L}
  kIsNumber = 2,            // \p{N}
  kIsSpace = 4,             // \s
  kIsBertRemoved = 8,       // NUL, controls other than tab and line ends, U+FFFD.
  kIsBertIdeograph = 16,    // Of the CJK blocks that BERT sets apart by spaces.
  kIsBertPunctuation = 32,  // All of ASCII that is neither letter, digit nor space, and \p{P}.
  kIsNonspacingMark = 64,   // \p{Mn}
  kIsMark = 128,            // \p{M}
  kIsDecomposing = 256,     // Has a decomposition, canonical or compatible.
  kIsReordered = 512,       // Of a canonical combining class other than 0.
  kIsWord = 1024,           // \w
  kIsNumeric = 2048,        // \p{N} to the pre-tokenizer Digits.
};

// The traits of a character, or-ed; 0 above U+10FFFF.
uint16_t CharacterTraits(char32_t c);

inline bool HasTrait(char32_t c, CharacterTrait trait) { return CharacterTraits(c) & trait; }

// The script of a character to the pre-tokenizer UnicodeScripts, for which kana are Han; 0 of one
// that goes with any, such as a space.
uint8_t ScriptOf(char32_t c);

// Appends the context-free lower case of a character. U+0130 becomes "i", U+0307.
void AppendLowerCase(char32_t c, std::u32string& out);

// The canonical decomposition (NFD) without its nonspacing marks: "Crème" -> "Creme".
std::u32string StripAccents(std::u32string_view text);

void AppendUtf8(char32_t c, std::string& out);

// The size of `text` without the white space at its end.
size_t SizeWithoutSpace(std::string_view text);

// The size of the white space that `text` begins with.
size_t NumSpaceBytes(std::string_view text);

}  // namespace chorus::runner
