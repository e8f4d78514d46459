#include "runner_server/tokenizer/detokenizer.h"

#include <utility>

#include "base/utf8.h"

namespace chorus {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

}  // namespace

std::string Detokenizer::Append(int32_t id) {
  const std::string bytes = std::exchange(open_, {}).append(bytes_.token_bytes(id));
  std::string text;
  for (std::string_view rest = bytes; !rest.empty();) {
    const Utf8Step step = DecodeUtf8(rest);
    if (step.truncated) {
      open_ = rest;
      break;
    }
    text.append(step.valid ? rest.substr(0, step.num_bytes) : kReplacement);
    rest.remove_prefix(step.num_bytes);
  }
  return text;
}

std::string Detokenizer::Finish() {
  return std::string(std::exchange(open_, {}).empty() ? std::string_view() : kReplacement);
}

}  // namespace chorus
