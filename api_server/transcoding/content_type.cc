#include "api_server/transcoding/content_type.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/quote.h"
#include "base/string_view.h"

namespace chorus::gateway {
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

namespace {

// How closely `range` names `type`: 3 itself, 2 "application/*", 1 "*/*", 0 not at all.
int Specificity(absl::string_view range, absl::string_view type) {
  if (absl::EqualsIgnoreCase(range, type)) return 3;
  if (range == "*/*") return 1;
  if (!absl::ConsumeSuffix(&range, "/*")) return 0;
  return absl::EqualsIgnoreCase(range, type.substr(0, type.find('/'))) ? 2 : 0;
}

// Whether the parameters of a range have a q of 0; one that is no number counts as 1.
bool Excludes(const std::vector<absl::string_view>& parts) {
  for (size_t i = 1; i < parts.size(); ++i) {
    absl::string_view part = absl::StripAsciiWhitespace(parts[i]);
    double quality = 1;
    if (absl::ConsumePrefix(&part, "q=") || absl::ConsumePrefix(&part, "Q=")) {
      return absl::SimpleAtod(part, &quality) && quality <= 0;
    }
  }
  return false;
}

}  // namespace

bool Accepts(std::string_view accept, std::string_view type) {
  if (absl::StripAsciiWhitespace(AbslView(accept)).empty()) return true;
  int best = 0;
  bool accepted = false;
  for (absl::string_view item : absl::StrSplit(AbslView(accept), ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(item, ';');
    const int specificity = Specificity(absl::StripAsciiWhitespace(parts[0]), AbslView(type));
    if (specificity <= best) continue;
    best = specificity;
    accepted = !Excludes(parts);
  }
  return accepted;
}

}  // namespace chorus::gateway
