#include "base/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace chorus {

bool IsName(std::string_view text) {
  return text.size() <= 64 && text.find_first_not_of('.') != text.npos && HasNameCharacters(text);
}

bool IsFileName(std::string_view text) { return IsName(text) && absl::ascii_isalnum(text[0]); }

bool HasNameCharacters(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-' ||
           others.find(c) != others.npos;
  });
}

}  // namespace chorus
