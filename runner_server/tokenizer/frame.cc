#include "runner_server/tokenizer/frame.h"

#include <algorithm>

namespace chorus::runner {
namespace {

using Kind = Frame::Item::Kind;

constexpr Frame::Item kFirst = {Kind::kFirstText};
constexpr Frame::Item kSecond = {Kind::kSecondText};
constexpr Frame::Item kSecondOfType1 = {Kind::kSecondText, -1, 1};

Frame::Item Token(int32_t id, int32_t type_id = 0) { return {Kind::kToken, id, type_id}; }

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

Frame Frame::Bert(int32_t first, int32_t last) {
  return Frame({Token(first), kFirst, Token(last)},
               {Token(first), kFirst, Token(last), kSecondOfType1, Token(last, 1)});
}

Frame Frame::Roberta(int32_t first, int32_t last) {
  return Frame({Token(first), kFirst, Token(last)},
               {Token(first), kFirst, Token(last), Token(last), kSecond, Token(last)});
}

size_t Frame::NumSpecialTokens(const std::vector<Item>& items) {
  return std::count_if(items.begin(), items.end(),
                       [](const Item& item) { return item.kind == Kind::kToken; });
}

Encoding Frame::Apply(std::vector<int32_t> first, std::optional<std::vector<int32_t>> second,
                      size_t max_tokens) const {
  const std::vector<Item>& items = second ? pair_ : single_;
  const size_t num_special = NumSpecialTokens(items);
  Encoding encoding;
  encoding.full_size = num_special + first.size() + (second ? second->size() : 0);
  const size_t max_text = max_tokens - std::min(num_special, max_tokens);
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
