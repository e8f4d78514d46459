#include "runner_server/tokenizer/charsmap.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

#include "base/utf8.h"

namespace chorus::runner {
namespace {

constexpr size_t kMaxClusterBytes = 5;

uint32_t Unit(std::string_view bytes, size_t at) {
  uint32_t unit = 0;
  for (int i = 3; i >= 0; --i) unit = unit << 8 | static_cast<uint8_t>(bytes[at + i]);
  return unit;
}

size_t Offset(uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

// The size of the first extended grapheme cluster.
size_t ClusterSize(std::string_view text) {
  const auto is_ascii = [](char byte) { return static_cast<uint8_t>(byte) < 0x80; };
  if (is_ascii(text[0]) && (text.size() == 1 || is_ascii(text[1]))) {
    return text.starts_with("\r\n") ? 2 : 1;
  }
  Utf8Step step = DecodeUtf8(text);
  size_t size = step.num_bytes;
  utf8proc_int32_t state = 0;
  while (size < text.size()) {
    const Utf8Step next = DecodeUtf8(text.substr(size));
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(step.code_point),
                                         static_cast<utf8proc_int32_t>(next.code_point), &state)) {
      break;
    }
    size += next.num_bytes;
    step = next;
  }
  return size;
}

// Each character of `replacement` comes from the old one in its place; what is left over, from the
// last.
void PutReplacement(std::string_view replacement, std::string_view old, size_t begin,
                    AlignedText::Rewriter& rewriter) {
  size_t old_begin = 0;
  size_t old_end = 0;
  while (!replacement.empty() && !rewriter.is_over()) {
    if (old_end < old.size()) {
      old_begin = old_end;
      old_end += DecodeUtf8(old.substr(old_begin)).num_bytes;
    }
    const size_t size = DecodeUtf8(replacement).num_bytes;
    rewriter.Put(replacement.substr(0, size), begin + old_begin, begin + old_end);
    replacement.remove_prefix(size);
  }
}

}  // namespace

absl::StatusOr<Charsmap> Charsmap::Parse(std::string_view bytes) {
  const auto error = [](const char* what) {
    return absl::InvalidArgumentError(std::string("the map of characters ") + what);
  };
  if (bytes.size() < 4) return error("has no beginning");
  const size_t size = Unit(bytes, 0);
  bytes.remove_prefix(4);
  if (size > bytes.size() || size % 4 != 0 || size == 0) return error("is cut short");
  std::vector<uint32_t> units(size / 4);
  for (size_t i = 0; i < units.size(); ++i) units[i] = Unit(bytes, 4 * i);
  std::string replacements(bytes.substr(size));
  if (!IsValidUtf8(replacements)) return error("holds what is not UTF-8");
  return Charsmap(std::move(units), std::move(replacements));
}

std::optional<std::string_view> Charsmap::Find(std::string_view text) const {
  size_t node = Offset(units_[0]);
  for (const char byte : text) {
    if (byte == 0) return std::nullopt;
    node ^= static_cast<uint8_t>(byte);
    if (node >= units_.size()) return std::nullopt;
    const uint32_t unit = units_[node];
    if ((unit & ((1u << 31) | 0xFF)) != static_cast<uint8_t>(byte)) return std::nullopt;
    node ^= Offset(unit);
    if ((unit >> 8 & 1) == 0) continue;
    if (node >= units_.size()) return std::nullopt;
    const size_t at = units_[node] & 0x7FFFFFFF;
    if (at >= replacements_.size()) return std::nullopt;
    if (at > 0 && (static_cast<uint8_t>(replacements_[at]) & 0xC0) == 0x80) return std::nullopt;
    return std::string_view(replacements_).substr(at, replacements_.find('\0', at) - at);
  }
  return std::nullopt;
}

absl::Status Charsmap::Normalize(AlignedText& text) const {
  const std::string_view old = text.text();
  AlignedText::Rewriter rewriter(text);
  for (size_t i = 0; i < old.size() && !rewriter.is_over();) {
    const size_t size = ClusterSize(old.substr(i));
    const size_t end = i + size;
    const std::string_view cluster = old.substr(i, size);
    if (size <= kMaxClusterBytes) {
      if (const auto replacement = Find(cluster)) {
        PutReplacement(*replacement, cluster, i, rewriter);
        i = end;
        continue;
      }
    }
    while (i < end) {
      const std::string_view character = old.substr(i, DecodeUtf8(old.substr(i)).num_bytes);
      if (const auto replacement = Find(character)) {
        PutReplacement(*replacement, character, i, rewriter);
      } else {
        rewriter.Keep(i, i + character.size());
      }
      i += character.size();
    }
  }
  return rewriter.Finish();
}

}  // namespace chorus::runner
