#pragma once

// A path template of a google.api.http annotation, parsed.
//
// The grammar, from google/api/http.proto:
//
//   Template  = "/" Segments [ Verb ] ;
//   Segments  = Segment { "/" Segment } ;
//   Segment   = "*" | "**" | LITERAL | Variable ;
//   Variable  = "{" FieldPath [ "=" Segments ] "}" ;
//   FieldPath = IDENT { "." IDENT } ;
//   Verb      = ":" LITERAL ;
//
// `*` matches one segment, `**` zero or more; `**` must be the last segment. Variables do not nest;
// `{var}` is `{var=*}`. A LITERAL consists of RFC 3986's pchar, except `* { } = :`, and
// percent-escapes.
//
// Example: "/v1/{name=shelves/*/books/*}:read" has the segments v1 shelves * books *, one variable
// `name` over segments [1, 5), and the verb "read".
//
// Thread safety: a value.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus::gateway {

struct HttpTemplate {
  struct Segment {
    enum class Kind { kLiteral, kSingle, kMulti };
    Kind kind;
    std::string literal;  // Of kLiteral: decoded, not empty.
  };

  struct Variable {
    std::vector<std::string> field_path;  // At least one name.
    size_t begin;                         // Segments [begin, end).
    size_t end;
    bool multi_segment;  // Several segments, or `**`: its value keeps %2F encoded.
  };

  std::vector<Segment> segments;    // At least one; only the last may be kMulti.
  std::vector<Variable> variables;  // In order; distinct field paths.
  std::string verb;                 // Decoded; empty: none.

  // INVALID_ARGUMENT quotes the template and says what was expected where.
  static absl::StatusOr<HttpTemplate> Parse(std::string_view text);
};

}  // namespace chorus::gateway
