#pragma once

// Ends a stream of text before its first stop string. Text that may be the beginning of one is held
// back until it cannot be, so that no part of a stop string is ever emitted.
//
// The first stop string is the one completed first, byte by byte, and of several that end at the
// same byte the longest; how the text is cut into pieces does not matter. Amortised constant time
// for each byte and stop string.
// Source: Knuth, Morris, Pratt, "Fast pattern matching in strings" (1977), once for each string.
//
// Thread safety: none; one for each text.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::runner {

class StopStringMatcher {
 public:
  StopStringMatcher() = default;  // No stop strings.
  // Each has 1 to 65,535 bytes.
  explicit StopStringMatcher(std::span<const std::string> stop);

  // Takes the next piece, in whole characters; returns what may be emitted, likewise. Nothing once
  // stopped.
  //
  // Example: with stop "END", "the E" -> "the ", "N" -> "", "T" -> "ENT", " END." -> " ", stopped.
  std::string Append(std::string_view piece);

  // The text held back, when the stream has ended otherwise.
  std::string Finish();

  // Whether a stop string was found.
  bool stopped() const { return stopped_; }

 private:
  struct Pattern {
    std::string text;
    // KMP failure function: of the first i + 1 bytes, the longest proper prefix that is a suffix.
    std::vector<uint16_t> borders;
    size_t num_matched = 0;  // Length of its longest prefix that ends the stream.
  };

  static void Advance(Pattern& pattern, char byte);

  std::vector<Pattern> patterns_;
  std::string held_;  // The end of the stream, as long as the longest match.
  bool stopped_ = false;
};

}  // namespace chorus::runner
