#include "api_server/transcoding/json_parser.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api_server/transcoding/quote.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"

namespace chorus {

using Kind = JsonValue::Kind;

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

size_t CountDigits(std::string_view text, size_t from) {
  size_t end = from;
  while (end < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[end]))) ++end;
  return end - from;
}

}  // namespace

size_t ScanJsonNumber(std::string_view text) {
  size_t end = text.starts_with('-') ? 1 : 0;
  const size_t num_digits = CountDigits(text, end);
  if (num_digits == 0) return 0;
  end += text[end] == '0' ? 1 : num_digits;
  if (end < text.size() && text[end] == '.') {
    const size_t num_decimals = CountDigits(text, end + 1);
    if (num_decimals == 0) return 0;
    end += 1 + num_decimals;
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    size_t exponent = end + 1;
    if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
    const size_t num_exponent_digits = CountDigits(text, exponent);
    if (num_exponent_digits == 0) return 0;
    end = exponent + num_exponent_digits;
  }
  return end;
}

// Recursive descent, kMaxJsonDepth deep at most. The text is known to be UTF-8, so bytes above
// 0x7F only have to be told from ASCII.
class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : document_(text), text_(document_.text_) {}

  absl::StatusOr<JsonDocument> Parse() {
    if (text_.size() > std::numeric_limits<uint32_t>::max()) {
      return absl::InvalidArgumentError("invalid JSON: longer than 4 GiB");
    }
    if (text_.starts_with(kByteOrderMark)) {
      return Error("a byte order mark is not allowed");
    }
    if (const size_t offset = FindInvalidUtf8(text_); offset != std::string_view::npos) {
      position_ = offset;
      return Error(absl::StrFormat("byte 0x%02X is not UTF-8", Byte(offset)));
    }
    SkipSpace();
    RETURN_IF_ERROR(ParseValue(/*depth=*/0));
    SkipSpace();
    if (position_ != text_.size()) return Expected("the end of the text");
    return std::move(document_);
  }

 private:
  absl::Status ParseValue(int depth) {
    switch (Peek()) {
      case '{':
        return ParseObject(depth + 1);
      case '[':
        return ParseArray(depth + 1);
      case '"':
        return ParseString();
      case 't':
        return ParseWord("true", Kind::kTrue);
      case 'f':
        return ParseWord("false", Kind::kFalse);
      case 'n':
        return ParseWord("null", Kind::kNull);
      default:
        return ParseNumber();
    }
  }

  absl::Status ParseObject(int depth) {
    RETURN_IF_ERROR(CheckDepth(depth));
    const size_t node = Open(Kind::kObject);
    ++position_;
    SkipSpace();
    absl::flat_hash_set<std::string> names;
    if (Peek() != '}') {
      do {
        SkipSpace();
        RETURN_IF_ERROR(ParseName(names));
        SkipSpace();
        if (!Take(':')) return Expected("\":\"");
        SkipSpace();
        RETURN_IF_ERROR(ParseValue(depth));
        SkipSpace();
      } while (Take(','));
    }
    if (!Take('}')) return Expected("\",\" or \"}\"");
    Close(node);
    return absl::OkStatus();
  }

  absl::Status ParseName(absl::flat_hash_set<std::string>& names) {
    if (Peek() != '"') return Expected("a name in double quotes");
    const size_t begin = position_;
    RETURN_IF_ERROR(ParseString());
    std::string name = UnescapeJsonString(text_.substr(begin, position_ - begin));
    if (names.contains(name)) {
      position_ = begin;
      return Error(absl::StrCat("the name ", QuoteForMessage(name), " is there twice"));
    }
    names.insert(std::move(name));
    return absl::OkStatus();
  }

  absl::Status ParseArray(int depth) {
    RETURN_IF_ERROR(CheckDepth(depth));
    const size_t node = Open(Kind::kArray);
    ++position_;
    SkipSpace();
    if (Peek() != ']') {
      do {
        SkipSpace();
        RETURN_IF_ERROR(ParseValue(depth));
        SkipSpace();
      } while (Take(','));
    }
    if (!Take(']')) return Expected("\",\" or \"]\"");
    Close(node);
    return absl::OkStatus();
  }

  absl::Status ParseString() {
    const size_t node = Open(Kind::kString);
    ++position_;
    while (!Take('"')) {
      if (position_ == text_.size()) return Expected("the string's closing quote");
      if (Byte(position_) < 0x20) {
        return Error(absl::StrFormat("the control character 0x%02X must be escaped in a string",
                                     Byte(position_)));
      }
      if (Take('\\')) {
        RETURN_IF_ERROR(ParseEscape());
      } else {
        ++position_;
      }
    }
    Close(node);
    return absl::OkStatus();
  }

  absl::Status ParseEscape() {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    if (position_ < text_.size() && kLetters.find(Peek()) != std::string_view::npos) {
      ++position_;
      return absl::OkStatus();
    }
    if (!Take('u')) return Expected("one of \" \\ / b f n r t u after the backslash");
    ASSIGN_OR_RETURN(const uint32_t unit, ParseHexUnit());
    if (unit < 0xD800 || unit > 0xDFFF) return absl::OkStatus();
    if (unit <= 0xDBFF && Take('\\') && Take('u')) {
      ASSIGN_OR_RETURN(const uint32_t low, ParseHexUnit());
      if (low >= 0xDC00 && low <= 0xDFFF) return absl::OkStatus();
    }
    return Error(absl::StrFormat("the surrogate \\u%04X must be one of a pair", unit));
  }

  absl::StatusOr<uint32_t> ParseHexUnit() {
    uint32_t unit = 0;
    for (int i = 0; i < 4; ++i, ++position_) {
      const char c = Peek();
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
        return Expected("four hexadecimal digits after \\u");
      }
      unit = unit * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
  }

  absl::Status ParseNumber() {
    const size_t length = ScanJsonNumber(text_.substr(position_));
    if (length == 0) return Expected("a value");
    const size_t node = Open(Kind::kNumber);
    position_ += length;
    Close(node);
    return absl::OkStatus();
  }

  absl::Status ParseWord(std::string_view word, Kind kind) {
    if (!text_.substr(position_).starts_with(word)) return Expected("a value");
    const size_t node = Open(kind);
    position_ += word.size();
    Close(node);
    return absl::OkStatus();
  }

  absl::Status CheckDepth(int depth) const {
    if (depth <= kMaxJsonDepth) return absl::OkStatus();
    return Error(absl::StrCat("arrays and objects must nest at most ", kMaxJsonDepth, " deep"));
  }

  // A value begins here, or ends here.
  size_t Open(Kind kind) {
    document_.nodes_.push_back({kind, static_cast<uint32_t>(position_), 0, 0});
    return document_.nodes_.size() - 1;
  }
  void Close(size_t node) {
    document_.nodes_[node].end = static_cast<uint32_t>(position_);
    document_.nodes_[node].next = static_cast<uint32_t>(document_.nodes_.size());
  }

  void SkipSpace() {
    constexpr std::string_view kSpace = " \t\n\r";
    position_ = std::min(text_.find_first_not_of(kSpace, position_), text_.size());
  }

  uint8_t Byte(size_t offset) const { return static_cast<uint8_t>(text_[offset]); }

  // NUL at the end; it is nowhere allowed.
  char Peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  bool Take(char c) {
    if (position_ == text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  absl::Status Expected(std::string_view what) const {
    return Error(absl::StrCat("expected ", AbslView(what),
                              position_ == text_.size() ? ", not the end of the text" : ""));
  }

  absl::Status Error(std::string_view what) const {
    const std::string_view before = text_.substr(0, position_);
    const size_t line_begin = before.rfind('\n') + 1;  // 0 when there is none.
    const auto starts_character = [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    };
    return absl::InvalidArgumentError(absl::StrCat(
        "invalid JSON at line ", 1 + std::count(before.begin(), before.end(), '\n'), ", column ",
        1 + std::count_if(before.begin() + line_begin, before.end(), starts_character), ": ",
        AbslView(what)));
  }

  JsonDocument document_;
  const std::string_view text_;  // The document's.
  size_t position_ = 0;
};

absl::StatusOr<JsonDocument> ParseJson(std::string_view text) { return JsonParser(text).Parse(); }

}  // namespace chorus
