#pragma once

// What becomes of the delimiters when a text is split, as Hugging Face's SplitDelimiterBehavior.
//
// Thread safety: none.

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "runner_server/tokenizer/pre_tokenizer.h"

namespace chorus::runner {

enum class SplitBehavior {
  kRemoved,
  kIsolated,            // A word each.
  kMergedWithPrevious,  // End a word.
  kMergedWithNext,      // Begin a word.
  kContiguous,          // As isolated, but neighbours are one word, as are neighbours of text.
};

// "Removed", "removed": both spellings are in use.
std::optional<SplitBehavior> SplitBehaviorFromName(std::string_view name);

// Collects the words of one text, given its parts in order.
//
// Example: "the-final--countdown" split at "-": kRemoved the, final, countdown; kMergedWithNext
// the, -final, -, -countdown; kContiguous the, -, final, --, countdown.
class WordCollector {
 public:
  WordCollector(SplitBehavior behavior, std::vector<PreTokens::Word>& words)
      : behavior_(behavior), words_(words) {}

  // A part [begin, end), after the last one, that is a delimiter or the text between.
  void Add(size_t begin, size_t end, bool is_delimiter) {
    switch (behavior_) {
      case SplitBehavior::kRemoved:
        if (!is_delimiter) PreTokens::Add(words_, begin, end);
        return;
      case SplitBehavior::kIsolated:
        PreTokens::Add(words_, begin, end);
        return;
      case SplitBehavior::kMergedWithPrevious:
        if (!is_delimiter) Finish();
        if (!is_open_) Open(begin);
        end_ = end;
        if (is_delimiter) Finish();
        return;
      case SplitBehavior::kMergedWithNext:
        if (is_delimiter || !was_delimiter_) Finish();
        if (!is_open_) Open(begin);
        end_ = end;
        was_delimiter_ = is_delimiter;
        return;
      case SplitBehavior::kContiguous:
        if (is_open_ && is_delimiter != was_delimiter_) Finish();
        if (!is_open_) Open(begin);
        end_ = end;
        was_delimiter_ = is_delimiter;
        return;
    }
  }

  // After the last part of the text.
  void Finish() {
    if (is_open_) PreTokens::Add(words_, begin_, end_);
    is_open_ = false;
  }

 private:
  void Open(size_t begin) {
    is_open_ = true;
    begin_ = end_ = begin;
  }

  const SplitBehavior behavior_;
  std::vector<PreTokens::Word>& words_;
  bool is_open_ = false;  // The word [begin_, end_) may go on.
  bool was_delimiter_ = false;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace chorus::runner
