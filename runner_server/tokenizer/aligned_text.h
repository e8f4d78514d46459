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

namespace chorus::runner {

class AlignedText {
 public:
  // Bytes [begin, end) of the whole text. Empty for what was inserted.
  struct Origin {
    uint32_t begin;
    uint32_t end;
    bool operator==(const Origin&) const = default;
  };

  // `text` lies at `begin` of the whole text, and must outlive this. Without `tracked` only a text
  // that has not changed knows its origins.
  AlignedText(std::string_view text, size_t begin, bool tracked)
      : original_(text), begin_(begin), tracked_(tracked) {}

  std::string_view text() const { return changed_ ? std::string_view(text_) : original_; }
  bool tracked() const { return tracked_; }

  // A part of the text, which must outlive it.
  AlignedText Slice(size_t begin, size_t end) const;

  // Of the text's bytes [begin, end), which must not be empty; from the beginning of the first
  // one's origin to the end of the last one's.
  Origin OriginOf(size_t begin, size_t end) const;

  // Replaces the text. `origins` holds one for each byte, or none if not tracked.
  void Assign(std::string text, std::vector<Origin> origins);

  // Writes a new text in place of the old one.
  class Rewriter {
   public:
    // `text` must outlive this, and is the old one until Finish().
    explicit Rewriter(AlignedText& text);

    // Appends the old text's bytes [begin, end).
    void Keep(size_t begin, size_t end);

    // Appends bytes that come from the old text's [begin, end); from nothing if that is empty.
    void Put(std::string_view bytes, size_t begin, size_t end);

    // Of the new text so far.
    size_t size() const { return text_.size(); }

    void Finish() { old_.Assign(std::move(text_), std::move(origins_)); }

   private:
    AlignedText& old_;
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
  bool changed_ = false;
  std::string text_;             // If changed.
  std::vector<Origin> origins_;  // By byte; empty for those of an unchanged text.
};

}  // namespace chorus::runner
