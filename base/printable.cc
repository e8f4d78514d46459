#include "base/printable.h"

#include <algorithm>

#include "base/utf8.h"

namespace chorus {
namespace {

bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

}  // namespace

bool IsPrintable(std::string_view text) {
  while (!text.empty()) {
    const Utf8Step step = DecodeUtf8(text);
    if (!step.valid || IsControl(step.code_point)) return false;
    text.remove_prefix(step.num_bytes);
  }
  return true;
}

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    const Utf8Step step = DecodeUtf8(text);
    if (!step.valid) {
      printable += "\uFFFD";
    } else if (IsControl(step.code_point) && step.code_point != '\n') {
      printable += ' ';
    } else {
      printable += text.substr(0, step.num_bytes);
    }
    text.remove_prefix(step.num_bytes);
  }
  return printable;
}

std::string PrintableLine(std::string_view text) {
  std::string line = Printable(text);
  std::ranges::replace(line, '\n', ' ');
  return line;
}

}  // namespace chorus
