#include "api_server/transcoding/json_document.h"

#include <charconv>

namespace chorus {
namespace {

// Four hexadecimal digits.
char32_t HexUnit(std::string_view digits) {
  uint32_t unit = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
  return unit;
}

void AppendUtf8(char32_t c, std::string& text) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | (c >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | (c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

char UnescapeLetter(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;  // The quote, the backslash and the slash stand for themselves.
  }
}

}  // namespace

std::string UnescapeJsonString(std::string_view literal) {
  const std::string_view body = literal.substr(1, literal.size() - 2);
  std::string text;
  text.reserve(body.size());
  size_t position = 0;
  while (true) {
    const size_t backslash = body.find('\\', position);
    text += body.substr(position, backslash - position);
    if (backslash == std::string_view::npos) return text;
    const char letter = body[backslash + 1];
    position = backslash + 2;
    if (letter != 'u') {
      text += UnescapeLetter(letter);
      continue;
    }
    char32_t c = HexUnit(body.substr(position, 4));
    position += 4;
    if (c >= 0xD800 && c <= 0xDBFF) {  // The first of a pair: \uXXXX\uXXXX.
      const char32_t low = HexUnit(body.substr(position + 2, 4));
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      position += 6;
    }
    AppendUtf8(c, text);
  }
}

JsonValue::Kind JsonValue::kind() const { return document_->nodes_[node_].kind; }

std::string_view JsonValue::raw() const {
  const JsonDocument::Node& node = document_->nodes_[node_];
  return std::string_view(document_->text_).substr(node.begin, node.end - node.begin);
}

std::string JsonValue::string() const { return UnescapeJsonString(raw()); }

JsonValue::Range JsonValue::children() const {
  return {Iterator({*document_, node_ + 1}), Iterator({*document_, document_->nodes_[node_].next})};
}

std::optional<JsonValue> JsonValue::Find(std::string_view name) const {
  const Range members = children();
  for (Iterator it = members.begin(); it != members.end(); ++it) {
    const bool found = (*it).string() == name;
    ++it;
    if (found) return *it;
  }
  return std::nullopt;
}

}  // namespace chorus
