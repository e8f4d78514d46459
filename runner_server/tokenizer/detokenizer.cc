#include "runner_server/tokenizer/detokenizer.h"

#include <utility>

#include "base/utf8.h"

namespace chorus::runner {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

// Takes from `bytes` all that is complete, as UTF-8; leaves a character that has begun.
std::string TakeUtf8(std::string_view& bytes) {
  std::string text;
  while (!bytes.empty()) {
    const Utf8Step step = DecodeUtf8(bytes);
    if (step.truncated) break;
    text.append(step.valid ? bytes.substr(0, step.num_bytes) : kReplacement);
    bytes.remove_prefix(step.num_bytes);
  }
  return text;
}

}  // namespace

std::string ReplaceInvalidUtf8(std::string_view bytes) {
  std::string text = TakeUtf8(bytes);
  return bytes.empty() ? text : text.append(kReplacement);
}

std::string Detokenizer::Append(int32_t id) {
  const std::string bytes = std::exchange(open_, {}).append(bytes_.token_bytes(id));
  std::string_view rest = bytes;
  std::string text = TakeUtf8(rest);
  open_ = rest;
  return text;
}

std::string Detokenizer::Finish() {
  return std::string(std::exchange(open_, {}).empty() ? std::string_view() : kReplacement);
}

}  // namespace chorus::runner
