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

// Bytes of `text` from `begin` on that are characters of this trait.
size_t RunEnd(std::string_view text, size_t begin, uint16_t trait) {
  size_t end = begin;
  while (end < text.size()) {
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

}  // namespace

size_t FirstPreTokenSize(std::string_view text) {
  if (const size_t size = ContractionSize(text); size != 0) return size;
  const size_t begin = text.front() == ' ' && text.size() > 1 ? 1 : 0;
  const uint16_t trait = RunTrait(DecodeUtf8(text.substr(begin)));
  return trait == kIsSpace ? SpaceSize(text) : RunEnd(text, begin, trait);
}

}  // namespace chorus::runner
