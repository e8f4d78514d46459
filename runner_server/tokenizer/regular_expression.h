#pragma once

// A regular expression of a tokenizer's file. The engine is Oniguruma, as in Hugging Face's
// tokenizers, so that the same expression finds the same matches; classes that the two versions
// know otherwise are rewritten (regex_dialect.h).
//
// Expressions come from untrusted files: their size, the memory of a search and its number of
// backtracks are bounded.
//
// Thread safety: immutable; all methods may be called from any thread.

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runner_server/tokenizer/text_budget.h"

struct re_pattern_buffer;  // Oniguruma's regex_t.

namespace chorus::runner {

class RegularExpression {
 public:
  // INVALID_ARGUMENT says what is wrong with the pattern, UTF-8.
  static absl::StatusOr<RegularExpression> Compile(std::string_view pattern);

  // Receives the bytes [begin, end) of a match.
  using Visitor = absl::FunctionRef<void(size_t begin, size_t end)>;

  // Visits the matches in `text`, UTF-8, from left to right; an empty one never where another has
  // just ended. A search that takes too long ends: all that follows has no match then. `budget` is
  // that of the text, which may be searched by other expressions, too.
  void FindAll(std::string_view text, TextBudget& budget, Visitor visit) const;

 private:
  struct Free {
    void operator()(re_pattern_buffer* regex) const;
  };

  explicit RegularExpression(re_pattern_buffer* regex) : regex_(regex) {}

  std::unique_ptr<re_pattern_buffer, Free> regex_;
};

}  // namespace chorus::runner
