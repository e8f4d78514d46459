#include "runner_server/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "runner_server/tokenizer/unicode_tables.h"

namespace chorus::runner {
namespace {

constexpr char32_t kEnd = 0x110000;
constexpr size_t kBlockSize = 256;

// Traits of every character, in blocks of which equal ones are kept once.
class TraitTable {
 public:
  TraitTable() {
    std::vector<uint16_t> traits(kEnd);
    for (const auto& [ranges, trait] :
         std::initializer_list<std::pair<std::span<const CodePointRange>, CharacterTrait>>{
             {kLetters, kIsLetter},
             {kNumbers, kIsNumber},
             {kSpaces, kIsSpace},
             {kBertRemoved, kIsBertRemoved},
             {kBertIdeographs, kIsBertIdeograph},
             {kBertPunctuation, kIsBertPunctuation},
             {kNonspacingMarks, kIsNonspacingMark},
             {kMarks, kIsMark},
             {kDecomposing, kIsDecomposing},
             {kReordered, kIsReordered},
             {kWordCharacters, kIsWord},
             {kNumeric, kIsNumeric}}) {
      for (const CodePointRange& range : ranges) {
        for (char32_t c = range.first; c <= range.last; ++c) traits[c] |= trait;
      }
    }
    for (size_t i = 0; i < block_of_.size(); ++i) {
      Block block;
      std::copy_n(traits.begin() + i * kBlockSize, kBlockSize, block.begin());
      const auto same = std::find(blocks_.begin(), blocks_.end(), block);
      block_of_[i] = same - blocks_.begin();
      if (same == blocks_.end()) blocks_.push_back(block);
    }
  }

  uint16_t operator[](char32_t c) const {
    return c < kEnd ? blocks_[block_of_[c / kBlockSize]][c % kBlockSize] : 0;
  }

 private:
  using Block = std::array<uint16_t, kBlockSize>;
  std::array<uint16_t, kEnd / kBlockSize> block_of_;
  std::vector<Block> blocks_;
};

// The row whose range holds `c`, or nullptr.
template <typename Row>
const Row* FindRow(std::span<const Row> rows, char32_t c) {
  const auto after = std::upper_bound(rows.begin(), rows.end(), c,
                                      [](char32_t c, const Row& row) { return c < row.first; });
  if (after == rows.begin()) return nullptr;
  const Row& row = *(after - 1);
  return c <= row.last ? &row : nullptr;
}

bool Decomposes(char32_t c) {
  return c >= 0xC0 && (c <= 0xFFFF || FindRow(kDecomposingBeyondBmp, c) != nullptr);
}

// Puts NFD's characters in canonical order and leaves the nonspacing marks out.
class AccentStripper {
 public:
  explicit AccentStripper(size_t expected_size) { out_.reserve(expected_size); }

  void Append(char32_t c) {
    if (HasTrait(c, kIsNonspacingMark)) {
      // Sorting is stable, so marks that would move may as well be gone before; but nothing moves
      // across a mark of class 0.
      if (utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class == 0) Flush();
      return;
    }
    const CombiningRange* row = FindRow(kReorderedKeptMarks, c);
    if (row != nullptr) {
      marks_.emplace_back(row->combining_class, c);
    } else {
      Flush();
      out_.push_back(c);
    }
  }

  std::u32string Finish() && {
    Flush();
    return std::move(out_);
  }

 private:
  void Flush() {
    if (marks_.empty()) return;
    std::stable_sort(marks_.begin(), marks_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [combining_class, c] : marks_) out_.push_back(c);
    marks_.clear();
  }

  std::u32string out_;
  std::vector<std::pair<uint8_t, char32_t>> marks_;  // Of a class other than 0, since the last.
};

}  // namespace

uint16_t CharacterTraits(char32_t c) {
  static const TraitTable table;
  return table[c];
}

uint8_t ScriptOf(char32_t c) {
  const ScriptRange* row = FindRow(kScripts, c);
  return row == nullptr ? 0 : row->script;
}

void AppendLowerCase(char32_t c, std::u32string& out) {
  if (c < 0x80) {
    out.push_back(c >= 'A' && c <= 'Z' ? c + 32 : c);
  } else if (c == 0x130) {
    out.append(U"i\u0307");
  } else {
    const LowerCaseRun* row = FindRow(kLowerCase, c);
    const bool has_lower_case = row != nullptr && (c - row->first) % row->stride == 0;
    out.push_back(has_lower_case ? c + row->delta : c);
  }
}

std::u32string StripAccents(std::u32string_view text) {
  AccentStripper stripper(text.size());
  for (const char32_t c : text) {
    if (!Decomposes(c)) {
      stripper.Append(c);
      continue;
    }
    // The longest canonical decomposition has four characters.
    std::array<utf8proc_int32_t, 8> parts;
    const utf8proc_ssize_t num_parts = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), nullptr);
    for (utf8proc_ssize_t i = 0; i < num_parts; ++i) stripper.Append(parts[i]);
  }
  return std::move(stripper).Finish();
}

size_t SizeWithoutSpace(std::string_view text) {
  size_t size = text.size();
  while (size > 0) {
    size_t begin = size - 1;
    while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
    if (!HasTrait(DecodeUtf8(text.substr(begin, size - begin)).code_point, kIsSpace)) break;
    size = begin;
  }
  return size;
}

size_t NumSpaceBytes(std::string_view text) {
  size_t size = 0;
  while (size < text.size()) {
    const Utf8Step step = DecodeUtf8(text.substr(size));
    if (!HasTrait(step.code_point, kIsSpace)) break;
    size += step.num_bytes;
  }
  return size;
}

void AppendUtf8(char32_t c, std::string& out) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
    return;
  }
  const auto continuation = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | ((c >> shift) & 0x3F)));
  };
  if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (c >> 6)));
  } else {
    if (c < 0x10000) {
      out.push_back(static_cast<char>(0xE0 | (c >> 12)));
    } else {
      out.push_back(static_cast<char>(0xF0 | (c >> 18)));
      continuation(12);
    }
    continuation(6);
  }
  continuation(0);
}

}  // namespace chorus::runner
