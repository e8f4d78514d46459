#include "runner_server/tokenizer/split_behavior.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "base/string_view.h"

namespace chorus::runner {

std::optional<SplitBehavior> SplitBehaviorFromName(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kNames = {{
      {"removed", SplitBehavior::kRemoved},
      {"isolated", SplitBehavior::kIsolated},
      {"mergedwithprevious", SplitBehavior::kMergedWithPrevious},
      {"mergedwithnext", SplitBehavior::kMergedWithNext},
      {"contiguous", SplitBehavior::kContiguous},
  }};
  const std::string plain = absl::AsciiStrToLower(absl::StrReplaceAll(AbslView(name), {{"_", ""}}));
  for (const auto& [known, behavior] : kNames) {
    if (plain == known) return behavior;
  }
  return std::nullopt;
}

}  // namespace chorus::runner
