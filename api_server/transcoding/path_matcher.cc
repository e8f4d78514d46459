#include "api_server/transcoding/path_matcher.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api_server/transcoding/percent_encoding.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "base/utf8.h"

namespace chorus::gateway {
namespace {

using SegmentKind = HttpTemplate::Segment::Kind;

constexpr std::string_view kAnyMethod = "*";

// The last segment cut in two at the colon that begins its verb.
struct VerbSplit {
  std::string_view before;
  std::string_view verb;  // Encoded; empty: there is no such colon.
};

VerbSplit SplitAtRawColon(std::string_view segment) {
  const size_t colon = segment.rfind(':');
  if (colon == std::string_view::npos) return {segment, ""};
  return {segment.substr(0, colon), segment.substr(colon + 1)};
}

// At the last escaped colon, unless a raw one comes after it. The escapes of `segment` are whole.
VerbSplit SplitAtEscapedColon(std::string_view segment) {
  constexpr size_t kEscapeSize = 3;
  for (size_t i = segment.size(); i-- > 0;) {
    if (segment[i] == ':') break;
    const std::string_view escape = segment.substr(i, kEscapeSize);
    if (escape == "%3A" || escape == "%3a") {
      return {segment.substr(0, i), segment.substr(i + kEscapeSize)};
    }
  }
  return {segment, ""};
}

absl::StatusOr<std::vector<PathSegment>> SplitPath(std::string_view path) {
  std::vector<PathSegment> segments;
  size_t begin = 1;  // After the leading slash.
  while (true) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view raw = path.substr(begin, end - begin);
    ASSIGN_OR_RETURN(std::string decoded, DecodePathSegment(raw));
    segments.push_back({raw, std::move(decoded)});
    if (end == path.size()) return segments;
    begin = end + 1;
  }
}

absl::StatusOr<std::string> VariableValue(const std::vector<PathSegment>& path, size_t begin,
                                          size_t end, bool multi_segment) {
  std::string value;
  for (size_t i = begin; i < end; ++i) {
    if (i > begin) value += '/';
    if (multi_segment) {
      ASSIGN_OR_RETURN(const std::string decoded, DecodePathSegmentKeepingSlashes(path[i].raw));
      value += decoded;
    } else {
      value += path[i].decoded;
    }
  }
  return value;
}

}  // namespace

// A search of the trie for one path and verb. Continues after a template that has the path but not
// the method, since another may have both.
class PathMatcher::Search {
 public:
  Search(std::string_view http_method, std::string_view verb, const std::vector<PathSegment>& path)
      : http_method_(http_method), verb_(verb), path_(path) {}

  // Each node of the trie is visited at most once, since each is at one depth.
  const Binding* Find(const Node& node, size_t depth) {
    if (depth == path_.size()) {
      if (const Binding* found = FindMethod(node)) return found;
    } else {
      const std::string& segment = path_[depth].decoded;
      if (const auto it = node.literals.find(segment); it != node.literals.end()) {
        if (const Binding* found = Find(*it->second, depth + 1)) return found;
      }
      if (node.single != nullptr && !segment.empty()) {
        if (const Binding* found = Find(*node.single, depth + 1)) return found;
      }
    }
    return node.multi != nullptr ? FindMethod(*node.multi) : nullptr;
  }

  // The methods of the templates that have the path and verb.
  const std::set<std::string>& methods() const { return methods_; }

 private:
  const Binding* FindMethod(const Node& node) {
    const auto methods = node.methods_by_verb.find(verb_);
    if (methods == node.methods_by_verb.end()) return nullptr;
    for (const auto& [method, binding] : methods->second) methods_.insert(method);
    auto it = methods->second.find(http_method_);
    if (it == methods->second.end()) it = methods->second.find(kAnyMethod);
    return it != methods->second.end() ? &it->second : nullptr;
  }

  const std::string_view http_method_;
  const std::string_view verb_;
  const std::vector<PathSegment>& path_;
  std::set<std::string> methods_;
};

absl::StatusOr<PathMatch> PathMatcher::Match(std::string_view http_method,
                                             std::string_view path) const {
  if (path.empty() || path.front() != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("the path must begin with \"/\": \"", AbslView(path), "\""));
  }
  ASSIGN_OR_RETURN(std::vector<PathSegment> segments, SplitPath(path));
  const std::string_view last = segments.back().raw;
  const auto match_verb = [&](const VerbSplit& split) -> absl::StatusOr<PathMatch> {
    if (split.verb.empty()) return PathMatch();
    ASSIGN_OR_RETURN(const std::string verb, DecodePathSegment(split.verb));
    std::vector<PathSegment> before_verb = segments;
    before_verb.back().raw = split.before;
    ASSIGN_OR_RETURN(before_verb.back().decoded, DecodePathSegment(split.before));
    return MatchSegments(http_method, verb, before_verb);
  };
  ASSIGN_OR_RETURN(PathMatch match, match_verb(SplitAtRawColon(last)));
  if (match.outcome != PathMatch::Outcome::kNoSuchPath) return match;
  ASSIGN_OR_RETURN(match, MatchSegments(http_method, /*verb=*/"", segments));
  if (match.outcome == PathMatch::Outcome::kFound) return match;
  ASSIGN_OR_RETURN(PathMatch escaped, match_verb(SplitAtEscapedColon(last)));
  return escaped.outcome == PathMatch::Outcome::kNoSuchPath ? match : escaped;
}

absl::StatusOr<PathMatch> PathMatcher::MatchSegments(std::string_view http_method,
                                                     std::string_view verb,
                                                     const std::vector<PathSegment>& path) const {
  Search search(http_method, verb, path);
  PathMatch match;
  const Binding* found = search.Find(*root_, 0);
  if (found == nullptr) {
    if (search.methods().empty()) return match;
    match.outcome = PathMatch::Outcome::kOtherMethods;
    match.allowed_methods.assign(search.methods().begin(), search.methods().end());
    return match;
  }
  match.outcome = PathMatch::Outcome::kFound;
  match.binding = found->id;
  for (const HttpTemplate::Variable& variable : found->http_template.variables) {
    const bool to_the_end =
        found->http_template.segments[variable.end - 1].kind == SegmentKind::kMulti;
    const size_t end = to_the_end ? path.size() : variable.end;
    ASSIGN_OR_RETURN(std::string value,
                     VariableValue(path, variable.begin, end, variable.multi_segment));
    if (const size_t offset = FindInvalidUtf8(value); offset != std::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("the path's part for ", absl::StrJoin(variable.field_path, "."),
                       " must be UTF-8 when decoded: byte ", offset, " is not"));
    }
    match.variable_values.push_back(std::move(value));
  }
  return match;
}

std::optional<int> PathMatcherBuilder::Add(std::string_view http_method, HttpTemplate http_template,
                                           int binding) {
  PathMatcher::Node* node = matcher_.root_.get();
  for (const HttpTemplate::Segment& segment : http_template.segments) {
    std::unique_ptr<PathMatcher::Node>& child =
        segment.kind == SegmentKind::kLiteral  ? node->literals[segment.literal]
        : segment.kind == SegmentKind::kSingle ? node->single
                                               : node->multi;
    if (child == nullptr) child = std::make_unique<PathMatcher::Node>();
    node = child.get();
  }
  PathMatcher::Methods& methods = node->methods_by_verb[http_template.verb];
  const auto [taken, inserted] = methods.try_emplace(
      std::string(http_method), PathMatcher::Binding{binding, std::move(http_template)});
  if (!inserted) return taken->second.id;
  return std::nullopt;
}

}  // namespace chorus::gateway
