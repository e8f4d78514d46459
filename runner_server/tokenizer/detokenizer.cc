#include "runner_server/tokenizer/detokenizer.h"

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

std::string Detokenizer::Append(int32_t id) {
  const std::string_view token = bytes_.token_bytes(id);
  const bool is_first = begins_text_ && !token.empty();
  if (is_first) begins_text_ = false;
  const std::string bytes =
      std::exchange(open_, {}).append(is_first ? bytes_.first_token_bytes(id) : token);
  std::string_view rest = bytes;
  std::string text = TakeUtf8(rest, bytes_.replaces_each_byte());
  open_ = rest;
  return text;
}

std::string Detokenizer::Finish() {
  const std::string open = std::exchange(open_, {});
  std::string text;
  const size_t num_bad = bytes_.replaces_each_byte() ? open.size() : open.empty() ? 0 : 1;
  for (size_t i = 0; i < num_bad; ++i) text.append(kReplacement);
  return text;
}

}  // namespace chorus::runner
