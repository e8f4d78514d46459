#include "runner_server/tokenizer/aligned_text.h"

namespace chorus::runner {

AlignedText AlignedText::Slice(size_t begin, size_t end) const {
  AlignedText slice(text().substr(begin, end - begin), begin_ + begin, tracked_);
  if (!origins_.empty()) slice.origins_.assign(origins_.begin() + begin, origins_.begin() + end);
  return slice;
}

AlignedText::Origin AlignedText::OriginOf(size_t begin, size_t end) const {
  if (origins_.empty()) {
    return {static_cast<uint32_t>(begin_ + begin), static_cast<uint32_t>(begin_ + end)};
  }
  return {origins_[begin].begin, origins_[end - 1].end};
}

void AlignedText::Assign(std::string text, std::vector<Origin> origins) {
  text_ = std::move(text);
  origins_ = std::move(origins);
  changed_ = true;
}

AlignedText::Rewriter::Rewriter(AlignedText& text) : old_(text) {
  const size_t size = text.text().size() + text.text().size() / 4;
  text_.reserve(size);
  if (text.tracked_) origins_.reserve(size);
}

void AlignedText::Rewriter::Keep(size_t begin, size_t end) {
  text_ += old_.text().substr(begin, end - begin);
  if (!old_.tracked_) return;
  for (size_t i = begin; i < end; ++i) origins_.push_back(old_.OriginOf(i, i + 1));
}

void AlignedText::Rewriter::Put(std::string_view bytes, size_t begin, size_t end) {
  text_ += bytes;
  if (!old_.tracked_) return;
  const Origin origin =
      begin < end ? old_.OriginOf(begin, end) : Origin{old_.Begin(begin), old_.Begin(begin)};
  origins_.insert(origins_.end(), bytes.size(), origin);
}

}  // namespace chorus::runner
