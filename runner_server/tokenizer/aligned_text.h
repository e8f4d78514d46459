#pragma once

// A text under normalization, and which bytes of the text before it every byte comes from.
//
// Thread safety: none.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "runner_server/tokenizer/text_budget.h"

namespace chorus::runner {

class AlignedText {
 public:
  // Bytes [begin, end) of the whole text. Empty for what was inserted.
  struct Origin {
    uint32_t begin;
    uint32_t end;
    bool operator==(const Origin&) const = default;
  };

  // `text` lies at `begin` of the whole text, whose budget it is, and both must outlive this.
  // Without `tracked` only a text that has not changed knows its origins.
  AlignedText(std::string_view text, size_t begin, bool tracked, TextBudget& budget)
      : original_(text),
        begin_(begin),
        tracked_(tracked),
        budget_(&budget),
        most_bytes_(text.size()) {}

  std::string_view text() const { return changed_ ? std::string_view(text_) : original_; }
  bool tracked() const { return tracked_; }
  TextBudget& budget() const { return *budget_; }

  // What may take the text's place, in bytes.
  size_t max_bytes() const { return most_bytes_ + budget_->room(); }

  // A part of the text, which must outlive it.
  AlignedText Slice(size_t begin, size_t end) const;

  // Of the text's bytes [begin, end), which must not be empty; from the beginning of the first
  // one's origin to the end of the last one's.
  Origin OriginOf(size_t begin, size_t end) const;

  // Replaces the text. `origins` holds one for each byte, or none if not tracked. The error is the
  // budget's.
  absl::Status Assign(std::string text, std::vector<Origin> origins);

  // Writes a new text in place of the old one.
  class Rewriter {
   public:
    // `text` must outlive this, and is the old one until Finish().
    explicit Rewriter(AlignedText& text);

    // Whether there has been more than the text's max_bytes(). What more comes is left out, and
    // Finish() fails.
    bool is_over() const { return is_over_; }

    // Appends the old text's bytes [begin, end).
    void Keep(size_t begin, size_t end);

    // Appends bytes that come from the old text's [begin, end); from nothing if that is empty.
    void Put(std::string_view bytes, size_t begin, size_t end);

    // Of the new text so far.
    size_t size() const { return text_.size(); }

    absl::Status Finish();

   private:
    // Whether there is room for so many bytes more.
    bool Fits(size_t num_bytes);

    AlignedText& old_;
    const size_t max_bytes_;
    bool is_over_ = false;
    std::string text_;
    std::vector<Origin> origins_;
  };

 private:
  uint32_t Begin(size_t at) const {
    return at < origins_.size() ? origins_[at].begin : static_cast<uint32_t>(begin_ + at);
  }

  std::string_view original_;
  size_t begin_;
  bool tracked_;
  TextBudget* budget_;
  size_t most_bytes_;  // That this has had.
  bool changed_ = false;
  std::string text_;             // If changed.
  std::vector<Origin> origins_;  // By byte; empty for those of an unchanged text.
};

}  // namespace chorus::runner
