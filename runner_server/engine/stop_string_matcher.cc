#include "runner_server/engine/stop_string_matcher.h"

#include <algorithm>
#include <utility>

namespace chorus::runner {

StopStringMatcher::StopStringMatcher(std::span<const std::string> stop) {
  for (const std::string& text : stop) {
    // A pattern finds its own borders: they are what it matches of itself, one byte late.
    Pattern& pattern = patterns_.emplace_back(Pattern{.text = text, .borders = {0}});
    for (size_t i = 1; i < text.size(); ++i) {
      Advance(pattern, text[i]);
      pattern.borders.push_back(static_cast<uint16_t>(pattern.num_matched));
    }
    pattern.num_matched = 0;
  }
}

void StopStringMatcher::Advance(Pattern& pattern, char byte) {
  size_t& matched = pattern.num_matched;
  while (matched > 0 && pattern.text[matched] != byte) matched = pattern.borders[matched - 1];
  if (pattern.text[matched] == byte) ++matched;
}

std::string StopStringMatcher::Append(std::string_view piece) {
  if (stopped_ || piece.empty()) return {};
  if (patterns_.empty()) return std::string(piece);
  std::string text = std::exchange(held_, {}).append(piece);
  const size_t begin = text.size() - piece.size();
  size_t num_matched = 0;  // The most of all patterns.
  for (size_t i = begin; i < text.size(); ++i) {
    num_matched = 0;
    size_t stop_size = 0;
    for (Pattern& pattern : patterns_) {
      Advance(pattern, text[i]);
      num_matched = std::max(num_matched, pattern.num_matched);
      if (pattern.num_matched == pattern.text.size()) {
        stop_size = std::max(stop_size, pattern.text.size());
      }
    }
    if (stop_size == 0) continue;
    stopped_ = true;
    text.resize(i + 1 - stop_size);
    return text;
  }
  held_ = text.substr(text.size() - num_matched);
  text.resize(text.size() - num_matched);
  return text;
}

std::string StopStringMatcher::Finish() { return std::exchange(held_, {}); }

}  // namespace chorus::runner
