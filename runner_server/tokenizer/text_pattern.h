#pragma once

// What a normalizer, pre-tokenizer or decoder looks for: a string or a regular expression.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runner_server/tokenizer/json_fields.h"
#include "runner_server/tokenizer/regular_expression.h"

namespace chorus::runner {

class TextPattern {
 public:
  // {"String": " "} or {"Regex": " +"}, field "pattern".
  static absl::StatusOr<TextPattern> FromJson(const JsonFields& fields);

  explicit TextPattern(std::string literal) : literal_(std::move(literal)) {}

  // Visits the matches [begin, end) in `text` from left to right.
  void FindAll(std::string_view text, RegularExpression::Visitor visit) const;

  // Receives a part [begin, end) of the text, and whether it is a match. Only matches are empty.
  using PartVisitor = absl::FunctionRef<void(size_t begin, size_t end, bool is_match)>;

  // Visits matches and what lies between.
  void VisitParts(std::string_view text, PartVisitor visit) const;

  // `text` with every match replaced.
  std::string Replace(std::string_view text, std::string_view replacement) const;

 private:
  explicit TextPattern(RegularExpression regex) : regex_(std::move(regex)) {}

  std::string literal_;  // If there is no regex_.
  std::optional<RegularExpression> regex_;
};

}  // namespace chorus::runner
