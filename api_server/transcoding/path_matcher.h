#pragma once

// Finds the binding of an HTTP method and path: a trie over path segments.
//
// A PathMatcherBuilder collects bindings; Build() gives the immutable matcher. Among the templates
// that match a path, a literal segment wins over `*`, and `*` over `**`, from left to right.
//
// The path is split on `/` before decoding. Literals are compared with the decoded segment. A
// variable of one segment is decoded entirely; one of several keeps "%2F" and "%2f" encoded. `+` is
// not a space. `*` does not match an empty segment. The verb follows the last raw `:` of the last
// segment; if no template of that path has this verb, the `:` is an ordinary character
// ("/v1/models/gpt2:latest" matches "/v1/models/{model}"). If nothing else matches, a last "%3A"
// begins the verb, for clients that escape every `:`.
//
// Thread safety: the matcher is immutable; the builder is not thread-safe.
//
//   PathMatcherBuilder builder;
//   builder.Add("POST", *HttpTemplate::Parse("/v1/models/{model}:generate"), 7);
//   const PathMatcher matcher = std::move(builder).Build();
//   matcher.Match("POST", "/v1/models/gpt2:generate")  ->  binding 7, variable_values {"gpt2"}

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "api_server/transcoding/http_template.h"

namespace chorus::gateway {

// The result of Match().
struct PathMatch {
  enum class Outcome { kFound, kNoSuchPath, kOtherMethods };
  Outcome outcome = Outcome::kNoSuchPath;
  int binding = -1;                          // If kFound: as given to Add().
  std::vector<std::string> variable_values;  // If kFound: as HttpTemplate::variables.
  std::vector<std::string> allowed_methods;  // If kOtherMethods: sorted, distinct.
};

// One segment of a request's path.
struct PathSegment {
  std::string_view raw;
  std::string decoded;
};

class PathMatcher {
 public:
  PathMatcher(PathMatcher&&) = default;
  PathMatcher& operator=(PathMatcher&&) = default;

  // `path` is that of the request target, still encoded, without the query. INVALID_ARGUMENT if it
  // does not begin with a slash, has a bad escape, or a variable's value is not UTF-8. Linear in
  // the path's length and the number of templates.
  absl::StatusOr<PathMatch> Match(std::string_view http_method, std::string_view path) const;

 private:
  friend class PathMatcherBuilder;

  struct Binding {
    int id;
    HttpTemplate http_template;
  };
  // By HTTP method, or "*" for any.
  using Methods = std::map<std::string, Binding, std::less<>>;

  struct Node {
    absl::flat_hash_map<std::string, std::unique_ptr<Node>> literals;
    std::unique_ptr<Node> single;
    std::unique_ptr<Node> multi;
    std::map<std::string, Methods, std::less<>> methods_by_verb;  // Of templates that end here.
  };

  class Search;

  PathMatcher() = default;

  absl::StatusOr<PathMatch> MatchSegments(std::string_view http_method, std::string_view verb,
                                          const std::vector<PathSegment>& path) const;

  std::unique_ptr<Node> root_ = std::make_unique<Node>();
};

class PathMatcherBuilder {
 public:
  // Registers `binding` for `http_method` ("*" means any) and the paths of `http_template`. If that
  // method and path shape (variable names aside) are taken, returns the existing binding and
  // changes nothing.
  [[nodiscard]] std::optional<int> Add(std::string_view http_method, HttpTemplate http_template,
                                       int binding);

  PathMatcher Build() && { return std::move(matcher_); }

 private:
  PathMatcher matcher_;
};

}  // namespace chorus::gateway
