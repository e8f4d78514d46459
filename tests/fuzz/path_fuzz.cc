// Input: a path template, a newline, a path. A template that parses matches the path made from it,
// and no path breaks the matcher.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api_server/transcoding/http_template.h"
#include "api_server/transcoding/path_matcher.h"
#include "tests/fuzz/fuzz_target.h"

namespace chorus::gateway {
namespace {

using Kind = HttpTemplate::Segment::Kind;

// Every byte escaped, so that it is a literal whatever it is.
std::string Escape(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    escaped += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return escaped;
}

// What stands for the template's i-th segment in the path; the `**` gives two.
std::string PathSegments(const HttpTemplate& http_template, size_t i) {
  switch (http_template.segments[i].kind) {
    case Kind::kLiteral:
      return Escape(http_template.segments[i].literal);
    case Kind::kSingle:
      return absl::StrCat("x%20", i);
    case Kind::kMulti:
      break;
  }
  return "a%2Fb/c";
}

void MatchOwnPath(const PathMatcher& matcher, const HttpTemplate& http_template) {
  std::string path;
  for (size_t i = 0; i < http_template.segments.size(); ++i) {
    path += '/';
    path += PathSegments(http_template, i);
  }
  if (!http_template.verb.empty()) absl::StrAppend(&path, ":", Escape(http_template.verb));
  const auto match = matcher.Match("GET", path);
  if (!match.ok()) return;  // A variable around a literal that is not UTF-8.
  FUZZ_ASSERT(match->outcome == PathMatch::Outcome::kFound);
  FUZZ_ASSERT(match->variable_values.size() == http_template.variables.size());
  for (size_t v = 0; v < match->variable_values.size(); ++v) {
    const HttpTemplate::Variable& variable = http_template.variables[v];
    if (http_template.segments[variable.begin].kind == Kind::kSingle && !variable.multi_segment) {
      FUZZ_ASSERT(match->variable_values[v] == absl::StrCat("x ", variable.begin));
    }
    if (http_template.segments[variable.begin].kind == Kind::kMulti) {
      FUZZ_ASSERT(match->variable_values[v] == "a%2Fb/c");
    }
  }
  const auto other_method = matcher.Match("PUT", path);
  FUZZ_ASSERT(other_method.ok());
  FUZZ_ASSERT(other_method->outcome == PathMatch::Outcome::kOtherMethods);
}

}  // namespace
}  // namespace chorus::gateway

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chorus;
  using namespace chorus::gateway;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto parsed = HttpTemplate::Parse(TakeLine(rest));
  PathMatcherBuilder builder;
  // Company for the template, with a method of their own.
  for (const std::string_view other : {"/v1/models/{model}", "/v1/{name=**}:run", "/{x=**}"}) {
    FUZZ_ASSERT(!builder.Add("POST", *HttpTemplate::Parse(other), 1).has_value());
  }
  if (parsed.ok()) FUZZ_ASSERT(!builder.Add("GET", *parsed, 2).has_value());
  const PathMatcher matcher = std::move(builder).Build();
  if (parsed.ok()) MatchOwnPath(matcher, *parsed);
  for (const std::string_view method : {"GET", "POST", "PUT"}) {
    const auto match = matcher.Match(method, rest);
    FUZZ_ASSERT(match.ok() || match.status().code() == absl::StatusCode::kInvalidArgument);
  }
  return 0;
}
