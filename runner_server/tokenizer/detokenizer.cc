#include "runner_server/tokenizer/detokenizer.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace chorus::runner {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

// Takes from `bytes` all that is complete, as UTF-8; leaves a character that has begun.
std::string TakeUtf8(std::string_view& bytes, bool each_byte) {
  std::string text;
  while (!bytes.empty()) {
    const Utf8Step step = DecodeUtf8(bytes);
    if (step.truncated) break;
    if (step.valid) text.append(bytes.substr(0, step.num_bytes));
    const size_t num_bad = step.valid ? 0 : each_byte ? step.num_bytes : 1;
    for (size_t i = 0; i < num_bad; ++i) text.append(kReplacement);
    bytes.remove_prefix(step.num_bytes);
  }
  return text;
}

}  // namespace

std::string ReplaceInvalidUtf8(std::string_view bytes) {
  std::string text = TakeUtf8(bytes, /*each_byte=*/false);
  return bytes.empty() ? text : text.append(kReplacement);
}

Detokenizer::Detokenizer(const TokenBytes& bytes, std::span<const int32_t> prompt) : bytes_(bytes) {
  for (size_t i = prompt.size(); i-- > 0 && begins_text_;) {
    if (repeat_number_ < 0) repeat_number_ = bytes_.repeat_number(prompt[i]);
    const std::string_view token = bytes_.token_bytes(prompt[i]);
    if (token.empty()) continue;
    begins_text_ = false;
    Hold(token, bytes_.last_token_bytes(prompt[i]));
    if (!std::exchange(held_if_last_, {}).empty()) held_.clear();  // The prompt has shown it.
  }
}

std::string_view Detokenizer::Hold(std::string_view bytes, std::string_view if_last) {
  const size_t common = std::ranges::mismatch(bytes, if_last).in1 - bytes.begin();
  held_ = bytes.substr(common);
  held_if_last_ = if_last.substr(common);
  return bytes.substr(0, common);
}

std::string Detokenizer::BytesOf(int32_t id) {
  if (const int32_t number = bytes_.repeat_number(id);
      number >= 0 && std::exchange(repeat_number_, number) == number) {
    return {};
  }
  std::string_view token = bytes_.token_bytes(id);
  std::string_view last = bytes_.last_token_bytes(id);
  if (token.empty() && last.empty()) return {};
  if (std::exchange(begins_text_, false)) {
    const std::string_view first = bytes_.first_token_bytes(id);
    if (first != token) token = last = first;
  }
  std::string added = std::exchange(held_, {});
  added.append(Hold(token, last));
  return added;
}

std::string Detokenizer::Append(int32_t id) {
  const std::string bytes = std::exchange(open_, {}).append(BytesOf(id));
  std::string_view rest = bytes;
  std::string text = TakeUtf8(rest, bytes_.replaces_each_byte());
  open_ = rest;
  return text;
}

std::string Detokenizer::Finish() {
  const std::string bytes = std::exchange(open_, {}).append(std::exchange(held_if_last_, {}));
  held_.clear();
  repeat_number_ = -1;
  std::string_view rest = bytes;
  std::string text = TakeUtf8(rest, bytes_.replaces_each_byte());
  const size_t num_bad = bytes_.replaces_each_byte() ? rest.size() : rest.empty() ? 0 : 1;
  for (size_t i = 0; i < num_bad; ++i) text.append(kReplacement);
  return text;
}

}  // namespace chorus::runner
