#pragma once

// Ends a stream of text before the first stop string that it would hold. Text that could be the
// beginning of one is held back until it no longer can, so that no part of a stop string ever gets
// out.
//
// The first stop string is the one that is complete first, byte by byte, and of several that end at
// the same place the longest: how the text is cut into pieces makes no difference. Every byte costs
// amortised constant time for each stop string.
// Source: Knuth, Morris, Pratt, "Fast pattern matching in strings" (1977), once for each string.
//
// Thread safety: none; one for each text, used by one thread at a time.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::runner {

class StopStringMatcher {
 public:
  StopStringMatcher() = default;  // Nothing stops the text.
  // None may be empty, or have more than 65,535 bytes.
  explicit StopStringMatcher(std::span<const std::string> stop);

  // Takes the next piece, whole characters; gives what may go out by now, whole characters too.
  // Nothing once stopped.
  //
  // Example: with stop "END", "the E" -> "the ", "N" -> "", "T" -> "ENT", " END." -> " ", stopped.
  std::string Append(std::string_view piece);

  // What is still held back, when the text has ended otherwise.
  std::string Finish();

  // Whether the text held a stop string.
  bool stopped() const { return stopped_; }

 private:
  struct Pattern {
    std::string text;
    // Of its first i + 1 bytes, the length of the longest end that is also a beginning, not all.
    std::vector<uint16_t> borders;
    size_t num_matched = 0;  // Bytes of its longest beginning that the stream ends with.
  };

  static void Advance(Pattern& pattern, char byte);

  std::vector<Pattern> patterns_;
  std::string held_;  // Of the stream's end, the most that a pattern has matched.
  bool stopped_ = false;
};

}  // namespace chorus::runner
