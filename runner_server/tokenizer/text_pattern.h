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
#include "runner_server/tokenizer/text_budget.h"

namespace chorus::runner {

class TextPattern {
 public:
  // {"String": " "} or {"Regex": " +"}, field "pattern".
  static absl::StatusOr<TextPattern> FromJson(const JsonFields& fields);

  explicit TextPattern(std::string literal) : literal_(std::move(literal)) {}

  // Visits the matches [begin, end) in `text` from left to right.
  void FindAll(std::string_view text, TextBudget& budget, RegularExpression::Visitor visit) const;

  // Receives a part [begin, end) of the text, and whether it is a match. Only matches are empty.
  using PartVisitor = absl::FunctionRef<void(size_t begin, size_t end, bool is_match)>;

  // Visits matches and what lies between.
  void VisitParts(std::string_view text, TextBudget& budget, PartVisitor visit) const;

  // `text` with every match replaced. Of a result that is longer than `max_bytes` the rest is left
  // out.
  std::string Replace(std::string_view text, std::string_view replacement, TextBudget& budget,
                      size_t max_bytes) const;

 private:
  explicit TextPattern(RegularExpression regex) : regex_(std::move(regex)) {}

  std::string literal_;  // If there is no regex_.
  std::optional<RegularExpression> regex_;
};

}  // namespace chorus::runner
