#include "api_server/transcoding/content_type.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/quote.h"
#include "base/string_view.h"

namespace chorus {
namespace {

// RFC 9110, section 5.6.2.
bool IsTokenChar(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         kOthers.find(c) != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool AtEnd() const { return text_.empty(); }

  void SkipSpace() {
    while (text_.starts_with(' ') || text_.starts_with('\t')) text_.remove_prefix(1);
  }

  bool Take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  // In lower case; empty when there is none.
  std::string TakeToken() {
    size_t length = 0;
    while (length < text_.size() && IsTokenChar(text_[length])) ++length;
    std::string token = absl::AsciiStrToLower(AbslView(text_.substr(0, length)));
    text_.remove_prefix(length);
    return token;
  }

  // A token or a quoted string, in lower case; false when it is neither.
  bool TakeValue(std::string& value) {
    if (!Take('"')) {
      value = TakeToken();
      return !value.empty();
    }
    while (!AtEnd() && !text_.starts_with('"')) {
      Take('\\');
      if (AtEnd()) return false;
      value += absl::ascii_tolower(static_cast<unsigned char>(text_.front()));
      text_.remove_prefix(1);
    }
    return Take('"');
  }

 private:
  std::string_view text_;
};

// Reads `type/subtype *( ; name=value )`.
bool Read(std::string_view header, ContentType& result) {
  Reader reader(header);
  reader.SkipSpace();
  const std::string type = reader.TakeToken();
  const bool slash = reader.Take('/');
  const std::string subtype = reader.TakeToken();
  if (type.empty() || !slash || subtype.empty()) return false;
  result.media_type = type + "/" + subtype;
  reader.SkipSpace();
  while (!reader.AtEnd()) {
    if (!reader.Take(';')) return false;
    reader.SkipSpace();
    if (reader.AtEnd()) return true;  // A last semicolon is common.
    const std::string name = reader.TakeToken();
    std::string value;
    if (name.empty() || !reader.Take('=') || !reader.TakeValue(value)) return false;
    if (name == "charset") {
      if (!result.charset.empty() || value.empty()) return false;
      result.charset = std::move(value);
    }
    reader.SkipSpace();
  }
  return true;
}

}  // namespace

absl::StatusOr<ContentType> ContentType::Parse(std::string_view header) {
  ContentType result;
  if (header.empty() || Read(header, result)) return result;
  return absl::InvalidArgumentError(absl::StrCat("not a content type: ", QuoteForMessage(header)));
}

}  // namespace chorus
