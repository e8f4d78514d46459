#include "runner_server/weights/faults.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace chorus::runner {

std::string SomeOf(const std::vector<std::string>& names) {
  constexpr size_t kMaxNamed = 10;  // In a model whose training diverged it is all of them.
  const size_t num_named = std::min(names.size(), kMaxNamed);
  std::string text = absl::StrJoin(names.begin(), names.begin() + num_named, ", ");
  if (names.size() > num_named) absl::StrAppend(&text, ", and ", names.size() - num_named, " more");
  return text;
}

void Faults::Add(std::string_view what, std::string tensor) {
  auto kind = std::find_if(kinds_.begin(), kinds_.end(),
                           [what](const auto& other) { return other.first == what; });
  if (kind == kinds_.end()) kind = kinds_.insert(kind, {std::string(what), {}});
  kind->second.push_back(std::move(tensor));
}

std::string Faults::ToString() const {
  return absl::StrJoin(kinds_, "; ", [](std::string* out, const auto& kind) {
    absl::StrAppend(out, kind.second.size(), " ", kind.first, ": ", SomeOf(kind.second));
  });
}

}  // namespace chorus::runner
