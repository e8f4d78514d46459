#include "runner_server/tokenizer/frame.h"

#include <algorithm>

namespace chorus::runner {
namespace {

using Kind = Frame::Item::Kind;

constexpr Frame::Item kFirst = {Kind::kFirstText};
constexpr Frame::Item kSecondOfType1 = {Kind::kSecondText, -1, 1};

void Truncate(std::vector<int32_t>& text, size_t max_tokens, bool left) {
  if (text.size() <= max_tokens) return;
  if (left) {
    text.erase(text.begin(), text.end() - static_cast<ptrdiff_t>(max_tokens));
  } else {
    text.resize(max_tokens);
  }
}

// "longest_first" of transformers.
void TruncatePair(std::vector<int32_t>& first, std::vector<int32_t>& second, size_t max_tokens,
                  bool left) {
  if (first.size() + second.size() <= max_tokens) return;
  size_t shorter = std::min(first.size(), second.size());
  size_t longer = max_tokens - std::min(shorter, max_tokens);
  if (longer < shorter) {
    shorter = max_tokens / 2;
    longer = max_tokens - shorter;
  }
  const bool first_is_longer = first.size() > second.size();
  Truncate(first, first_is_longer ? longer : shorter, left);
  Truncate(second, first_is_longer ? shorter : longer, left);
}

}  // namespace

Frame::Frame() : Frame({kFirst}, {kFirst, kSecondOfType1}) {}

size_t Frame::Count(Kind kind, const std::vector<Item>& items) {
  return std::ranges::count(items, kind, &Item::kind);
}

Encoding Frame::Apply(std::vector<int32_t> first, std::optional<std::vector<int32_t>> second,
                      size_t max_tokens) const {
  const std::vector<Item>& items = second ? pair_ : single_;
  const size_t num_special = Count(Kind::kToken, items);
  const size_t num_first = Count(Kind::kFirstText, items);
  const size_t num_second = Count(Kind::kSecondText, items);
  Encoding encoding;
  encoding.full_size =
      num_special + num_first * first.size() + (second ? num_second * second->size() : 0);
  const size_t max_text =
      (max_tokens - std::min(num_special, max_tokens)) / std::max(num_first, num_second);
  if (second) {
    TruncatePair(first, *second, max_text, truncates_left_);
  } else {
    Truncate(first, max_text, truncates_left_);
  }
  for (const Item& item : items) {
    if (item.kind == Kind::kToken) {
      encoding.ids.push_back(item.id);
    } else {
      const std::vector<int32_t>& text = item.kind == Kind::kFirstText ? first : *second;
      encoding.ids.insert(encoding.ids.end(), text.begin(), text.end());
    }
    encoding.type_ids.resize(encoding.ids.size(), item.type_id);
  }
  return encoding;
}

}  // namespace chorus::runner
