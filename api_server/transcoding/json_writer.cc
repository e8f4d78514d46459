#include "api_server/transcoding/json_writer.h"

#include <charconv>
#include <cmath>

#include "absl/strings/str_format.h"
#include "base/utf8.h"

namespace chorus::gateway {
namespace {

void AppendAscii(char c, std::string& json) {
  switch (c) {
    case '"':
      json += "\\\"";
      break;
    case '\\':
      json += "\\\\";
      break;
    case '\n':
      json += "\\n";
      break;
    case '\r':
      json += "\\r";
      break;
    case '\t':
      json += "\\t";
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20) {
        absl::StrAppendFormat(&json, "\\u%04x", static_cast<unsigned char>(c));
      } else {
        json += c;
      }
  }
}

template <typename Float>
void AppendFloat(Float value, std::string& json) {
  if (!std::isfinite(value)) {
    json += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char digits[32];
  json.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& json) {
  json += '"';
  while (!text.empty()) {
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      AppendAscii(text.front(), json);
      text.remove_prefix(1);
      continue;
    }
    const Utf8Step step = DecodeUtf8(text);
    if (step.valid) {
      json += text.substr(0, step.num_bytes);
    } else {
      json += "\uFFFD";
    }
    text.remove_prefix(step.num_bytes);
  }
  json += '"';
}

void AppendJsonNumber(double value, std::string& json) { AppendFloat(value, json); }
void AppendJsonNumber(float value, std::string& json) { AppendFloat(value, json); }

}  // namespace chorus::gateway
