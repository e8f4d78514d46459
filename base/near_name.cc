#include "base/near_name.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace chorus {
namespace {

constexpr size_t kLongestName = 64;    // Longer ones are near nothing.
constexpr size_t kShortestStart = 3;   // Of a name that stands for one it begins.
constexpr size_t kLettersPerEdit = 3;  // One edit in so many letters is a slip.

std::string Normalize(std::string_view name) {
  std::string normal(name);
  for (char& c : normal) {
    if (c == '-') c = '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return normal;
}

// Letters inserted, left out, replaced, or swapped with the next (optimal string alignment).
size_t NumEdits(std::string_view a, std::string_view b) {
  std::vector<size_t> before, above, row(b.size() + 1);  // Of the letters of `a` up to i-2, i-1, i.
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, row[j - 1] + 1, above[j] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row.back();
}

}  // namespace

std::string NearName(std::string_view name, const std::vector<std::string>& names) {
  if (name.empty() || name.size() > kLongestName) return "";
  const std::string written = Normalize(name);
  std::string nearest;
  size_t fewest = kLongestName;
  for (const std::string& candidate : names) {
    const std::string other = Normalize(candidate);
    const size_t longest = std::max(written.size(), other.size());
    size_t edits = NumEdits(written, other);
    if (written.size() >= kShortestStart && other.starts_with(written)) edits = 1;
    if (edits <= std::max<size_t>(longest / kLettersPerEdit, 1) && edits < longest &&
        edits < fewest) {
      nearest = candidate;
      fewest = edits;
    }
  }
  return nearest;
}

}  // namespace chorus
