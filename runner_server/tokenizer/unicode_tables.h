#pragma once

// What Hugging Face's tokenizers take each character for, as sorted ranges of code points. The data
// in unicode_tables.cc is made by tools/golden/make_unicode_tables.py; unicode.h is how to ask.

#include <cstdint>
#include <span>

namespace chorus::runner {

struct CodePointRange {
  char32_t first;
  char32_t last;
};

// Characters of one canonical combining class.
struct CombiningRange {
  char32_t first;
  char32_t last;
  uint8_t combining_class;
};

// Characters of one script; its number says no more than that.
struct ScriptRange {
  char32_t first;
  char32_t last;
  uint8_t script;
};

// Every `stride`th character from `first` to `last` has `delta` added in lower case.
struct LowerCaseRun {
  char32_t first;
  char32_t last;
  uint8_t stride;
  int32_t delta;
};

extern const std::span<const CodePointRange> kLetters;          // \p{L} of the byte-level pattern.
extern const std::span<const CodePointRange> kNumbers;          // \p{N}
extern const std::span<const CodePointRange> kSpaces;           // \s, and BERT's white space.
extern const std::span<const CodePointRange> kBertRemoved;      // Controls that BERT cleans away.
extern const std::span<const CodePointRange> kBertIdeographs;   // "Chinese characters".
extern const std::span<const CodePointRange> kBertPunctuation;  // Ends words, is one itself.
extern const std::span<const CodePointRange> kNonspacingMarks;  // Stripped as accents.

// Those above U+FFFF that have a canonical decomposition. Below it, all do that Unicode gives one.
extern const std::span<const CodePointRange> kDecomposingBeyondBmp;

extern const std::span<const CodePointRange> kMarks;           // Stripped by StripAccents.
extern const std::span<const CodePointRange> kDecomposing;     // Changed by NFKD.
extern const std::span<const CodePointRange> kReordered;       // Moved by NFD.
extern const std::span<const CodePointRange> kWordCharacters;  // \w of whole words.
extern const std::span<const CodePointRange> kNumeric;         // Split by Digits.

// Characters that NFD reorders and that are not in kNonspacingMarks.
extern const std::span<const CombiningRange> kReorderedKeptMarks;

// All that have a script to the pre-tokenizer UnicodeScripts.
extern const std::span<const ScriptRange> kScripts;

// All that have one character as their lower case; U+0130 alone has two.
extern const std::span<const LowerCaseRun> kLowerCase;

}  // namespace chorus::runner
