#include "runner_server/tokenizer/aligned_text.h"

#include "base/status_macros.h"

namespace chorus::runner {

AlignedText AlignedText::Slice(size_t begin, size_t end) const {
  AlignedText slice(text().substr(begin, end - begin), begin_ + begin, tracked_, *budget_);
  if (!origins_.empty()) slice.origins_.assign(origins_.begin() + begin, origins_.begin() + end);
  return slice;
}

AlignedText::Origin AlignedText::OriginOf(size_t begin, size_t end) const {
  if (origins_.empty()) {
    return {static_cast<uint32_t>(begin_ + begin), static_cast<uint32_t>(begin_ + end)};
  }
  return {origins_[begin].begin, origins_[end - 1].end};
}

absl::Status AlignedText::Assign(std::string text, std::vector<Origin> origins) {
  RETURN_IF_ERROR(budget_->Charge(text.size(), most_bytes_));
  text_ = std::move(text);
  origins_ = std::move(origins);
  changed_ = true;
  return absl::OkStatus();
}

AlignedText::Rewriter::Rewriter(AlignedText& text) : old_(text), max_bytes_(text.max_bytes()) {
  const size_t size = text.text().size() + text.text().size() / 4;
  text_.reserve(size);
  if (text.tracked_) origins_.reserve(size);
}

bool AlignedText::Rewriter::Fits(size_t num_bytes) {
  is_over_ = is_over_ || num_bytes > max_bytes_ - text_.size();
  return !is_over_;
}

absl::Status AlignedText::Rewriter::Finish() {
  if (is_over_) return old_.budget_->TooMuch();
  return old_.Assign(std::move(text_), std::move(origins_));
}

void AlignedText::Rewriter::Keep(size_t begin, size_t end) {
  if (!Fits(end - begin)) return;
  text_ += old_.text().substr(begin, end - begin);
  if (!old_.tracked_) return;
  for (size_t i = begin; i < end; ++i) origins_.push_back(old_.OriginOf(i, i + 1));
}

void AlignedText::Rewriter::Put(std::string_view bytes, size_t begin, size_t end) {
  if (!Fits(bytes.size())) return;
  text_ += bytes;
  if (!old_.tracked_) return;
  const Origin origin =
      begin < end ? old_.OriginOf(begin, end) : Origin{old_.Begin(begin), old_.Begin(begin)};
  origins_.insert(origins_.end(), bytes.size(), origin);
}

}  // namespace chorus::runner
