#include "runner_server/tokenizer/unicode_normal_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "runner_server/tokenizer/unicode.h"

namespace chorus::runner {
namespace {

// A decomposed character, and the bytes of the old text that it comes from.
struct Character {
  utf8proc_int32_t code_point;
  uint8_t combining_class;
  uint32_t begin;
  uint32_t end;
};

bool Composes(NormalForm form) { return form == NormalForm::kNfc || form == NormalForm::kNfkc; }
bool IsCompatible(NormalForm form) {
  return form == NormalForm::kNfkc || form == NormalForm::kNfkd;
}

uint8_t CombiningClass(utf8proc_int32_t c) {
  if (c < 0x300 || !HasTrait(c, kIsReordered)) return 0;
  return static_cast<uint8_t>(utf8proc_get_property(c)->combining_class);
}

// The primary composite of the two, or -1.
utf8proc_int32_t Compose(utf8proc_int32_t first, utf8proc_int32_t second) {
  if (second < 0x300) return -1;
  std::array<utf8proc_int32_t, 2> pair = {first, second};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  if (utf8proc_normalize_utf32(pair.data(), pair.size(), options) != 1) return -1;
  return HasTrait(pair[0], kIsDecomposing) ? pair[0] : -1;
}

// Ends early with more than `max_characters`.
std::vector<Character> Decompose(std::string_view text, bool compatible, size_t max_characters) {
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                      (compatible ? UTF8PROC_COMPAT : 0));
  std::vector<Character> characters;
  characters.reserve(text.size());
  for (size_t i = 0; i < text.size() && characters.size() <= max_characters;) {
    const Utf8Step step = DecodeUtf8(text.substr(i));
    const auto c = static_cast<utf8proc_int32_t>(step.code_point);
    const auto begin = static_cast<uint32_t>(i);
    i += step.num_bytes;
    const auto end = static_cast<uint32_t>(i);
    std::array<utf8proc_int32_t, 32> parts = {c};  // The longest decomposition has 18.
    utf8proc_ssize_t num_parts = 1;
    if (c >= 0xA0 && HasTrait(c, kIsDecomposing)) {
      num_parts = utf8proc_decompose_char(c, parts.data(), parts.size(), options, nullptr);
    }
    for (utf8proc_ssize_t part = 0; part < num_parts; ++part) {
      characters.push_back({parts[part], CombiningClass(parts[part]), begin, end});
    }
  }
  return characters;
}

void Reorder(std::vector<Character>& characters) {
  for (auto run = characters.begin(); run != characters.end();) {
    const auto is_starter = [](const Character& c) { return c.combining_class == 0; };
    run = std::find_if_not(run, characters.end(), is_starter);
    const auto end = std::find_if(run, characters.end(), is_starter);
    std::stable_sort(run, end, [](const Character& a, const Character& b) {
      return a.combining_class < b.combining_class;
    });
    run = end;
  }
}

void ComposeAll(std::vector<Character>& characters) {
  size_t size = 0;            // Of what is kept.
  size_t starter = SIZE_MAX;  // The last one kept.
  for (const Character& c : characters) {
    if (starter != SIZE_MAX) {
      // Blocked if a mark between has the same class or a greater one.
      const bool adjacent = size == starter + 1;
      const uint8_t last_class = characters[size - 1].combining_class;
      if (adjacent || (last_class != 0 && last_class < c.combining_class)) {
        const utf8proc_int32_t whole = Compose(characters[starter].code_point, c.code_point);
        if (whole >= 0) {
          characters[starter].code_point = whole;
          continue;
        }
      }
    }
    if (c.combining_class == 0) starter = size;
    characters[size++] = c;
  }
  characters.resize(size);
}

}  // namespace

absl::Status Normalize(NormalForm form, AlignedText& text) {
  const auto is_ascii = [](char byte) { return static_cast<uint8_t>(byte) < 0x80; };
  const std::string_view old = text.text();
  if (std::all_of(old.begin(), old.end(), is_ascii)) return absl::OkStatus();
  std::vector<Character> characters = Decompose(old, IsCompatible(form), text.max_bytes());
  if (characters.size() > text.max_bytes()) return text.budget().TooMuch();
  Reorder(characters);
  if (Composes(form)) ComposeAll(characters);
  AlignedText::Rewriter rewriter(text);
  std::string bytes;
  for (const Character& c : characters) {
    bytes.clear();
    AppendUtf8(static_cast<char32_t>(c.code_point), bytes);
    rewriter.Put(bytes, c.begin, c.end);
  }
  return rewriter.Finish();
}

}  // namespace chorus::runner
