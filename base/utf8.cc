#include "base/utf8.h"

namespace chorus {

Utf8Step DecodeUtf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true, false};
  // The range of the second byte excludes overlong forms, surrogates and what lies above U+10FFFF.
  size_t length = 0;
  uint8_t low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {0xFFFD, 1, false, false};
  }
  char32_t code_point = lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {0xFFFD, i, false, true};
    if (byte(i) < low || byte(i) > high) return {0xFFFD, i, false, false};
    code_point = (code_point << 6) | (byte(i) & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {code_point, length, true, false};
}

size_t FindInvalidUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const Utf8Step step = DecodeUtf8(text.substr(i));
    if (!step.valid) return i;
    i += step.num_bytes;
  }
  return std::string_view::npos;
}

std::string ToUtf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Step step = DecodeUtf8(text);
    result += step.valid ? text.substr(0, step.num_bytes) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(step.num_bytes);
  }
  return result;
}

}  // namespace chorus
