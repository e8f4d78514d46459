#include "cli/printable.h"

#include "base/utf8.h"

namespace chorus {

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    const Utf8Step step = DecodeUtf8(text);
    const char32_t c = step.code_point;
    if (!step.valid) {
      printable += "\uFFFD";
    } else if ((c < 0x20 && c != '\n') || (c >= 0x7F && c < 0xA0)) {
      printable += ' ';
    } else {
      printable += text.substr(0, step.num_bytes);
    }
    text.remove_prefix(step.num_bytes);
  }
  return printable;
}

}  // namespace chorus
