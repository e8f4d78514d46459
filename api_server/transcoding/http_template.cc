#include "api_server/transcoding/http_template.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/transcoding/percent_encoding.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace chorus::gateway {
namespace {

using Segment = HttpTemplate::Segment;

// What a LITERAL may hold raw.
bool IsLiteralChar(char c) {
  constexpr std::string_view kOthers = "-._~!$&'()+,;@%";
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         kOthers.find(c) != std::string_view::npos;
}

bool IsIdentStart(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool IsIdentChar(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Recursive descent, one function a rule; no rule recurses into itself.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<HttpTemplate> Parse() {
    if (!Take('/')) return Expected("\"/\"");
    RETURN_IF_ERROR(ParseSegments(/*inside_variable=*/false));
    if (Take(':')) {
      ASSIGN_OR_RETURN(result_.verb, ParseLiteral("a verb"));
    }
    if (position_ != text_.size()) {
      return Expected(result_.verb.empty() ? "\"/\", \":\" or the end" : "the end");
    }
    return std::move(result_);
  }

 private:
  absl::Status ParseSegments(bool inside_variable) {
    do {
      if (!result_.segments.empty() && result_.segments.back().kind == Segment::Kind::kMulti) {
        return Error("\"**\" must be the last segment");
      }
      RETURN_IF_ERROR(ParseSegment(inside_variable));
    } while (Take('/'));
    return absl::OkStatus();
  }

  absl::Status ParseSegment(bool inside_variable) {
    if (Take('*')) {
      const bool multi = Take('*');
      result_.segments.push_back({multi ? Segment::Kind::kMulti : Segment::Kind::kSingle, ""});
      return absl::OkStatus();
    }
    if (Peek() == '{') {
      if (inside_variable) return Error("a variable must not hold another");
      return ParseVariable();
    }
    ASSIGN_OR_RETURN(std::string literal, ParseLiteral("a segment"));
    result_.segments.push_back({Segment::Kind::kLiteral, std::move(literal)});
    return absl::OkStatus();
  }

  absl::Status ParseVariable() {
    Take('{');
    HttpTemplate::Variable variable;
    RETURN_IF_ERROR(ParseFieldPath(variable.field_path));
    variable.begin = result_.segments.size();
    if (Take('=')) {
      RETURN_IF_ERROR(ParseSegments(/*inside_variable=*/true));
    } else {
      result_.segments.push_back({Segment::Kind::kSingle, ""});
    }
    if (!Take('}')) return Expected("\"}\"");
    variable.end = result_.segments.size();
    variable.multi_segment =
        variable.end - variable.begin > 1 || result_.segments.back().kind == Segment::Kind::kMulti;
    for (const HttpTemplate::Variable& other : result_.variables) {
      if (other.field_path == variable.field_path) {
        return Error(
            absl::StrCat("the variable ", absl::StrJoin(other.field_path, "."), " is there twice"));
      }
    }
    result_.variables.push_back(std::move(variable));
    return absl::OkStatus();
  }

  absl::Status ParseFieldPath(std::vector<std::string>& field_path) {
    do {
      const size_t begin = position_;
      if (!IsIdentStart(Peek())) return Expected("a field name");
      while (IsIdentChar(Peek())) ++position_;
      field_path.emplace_back(text_.substr(begin, position_ - begin));
    } while (Take('.'));
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ParseLiteral(std::string_view what) {
    const size_t begin = position_;
    while (IsLiteralChar(Peek())) ++position_;
    if (position_ == begin) return Expected(what);
    auto decoded = DecodePathSegment(text_.substr(begin, position_ - begin));
    if (!decoded.ok()) return Error(StdView(decoded.status().message()));
    return decoded;
  }

  // NUL at the end; it is in no character class.
  char Peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  bool Take(char c) {
    if (position_ == text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  absl::Status Expected(std::string_view what) const {
    return Error(absl::StrCat("expected ", AbslView(what)));
  }

  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(
        "http template \"", AbslView(text_), "\": ", AbslView(what), " at offset ", position_));
  }

  const std::string_view text_;
  size_t position_ = 0;
  HttpTemplate result_;
};

}  // namespace

absl::StatusOr<HttpTemplate> HttpTemplate::Parse(std::string_view text) {
  return Parser(text).Parse();
}

}  // namespace chorus::gateway
