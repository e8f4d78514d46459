#include "runner_server/weights/weight_map.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/finite.h"
#include "base/string_view.h"
#include "runner_server/weights/convert.h"
#include "runner_server/weights/faults.h"

namespace chorus::runner {
namespace {

std::string ShapeText(const std::vector<uint64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

bool IsIgnored(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [name](const std::string& pattern) {
    return MatchesNamePattern(pattern, name);
  });
}

}  // namespace

bool MatchesNamePattern(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    for (size_t skip = 0; skip <= name.size(); ++skip) {
      if (MatchesNamePattern(pattern.substr(1), name.substr(skip))) return true;
    }
    return false;
  }
  if (name.empty()) return false;
  if (pattern[0] == '#') {
    size_t digits = 0;
    while (digits < name.size() && absl::ascii_isdigit(name[digits])) ++digits;
    return digits > 0 && MatchesNamePattern(pattern.substr(1), name.substr(digits));
  }
  return pattern[0] == name[0] && MatchesNamePattern(pattern.substr(1), name.substr(1));
}

void WeightView::Read(size_t first, size_t count, float* out, float largest) const {
  ConvertToFloat(tensor_->dtype, tensor_->data, first, count, out);
  const std::span<const float> values(out, count);
  const uint32_t num_beyond = CountBeyond(values, largest);
  if (num_beyond == 0) return;
  const uint32_t num_not_finite = CountBeyond(values, std::numeric_limits<float>::max());
  unusable_->num_not_finite += num_not_finite;
  unusable_->num_too_large += num_beyond - num_not_finite;
}

std::vector<float> WeightView::ReadAll() const {
  std::vector<float> values(size());
  Read(0, values.size(), values.data());
  return values;
}

absl::StatusOr<WeightMap> WeightMap::Create(const Checkpoint& checkpoint,
                                            const std::vector<WeightSpec>& specs,
                                            const std::vector<std::string>& ignored) {
  std::unordered_map<std::string_view, const WeightSpec*> known;
  for (const WeightSpec& spec : specs) {
    known.emplace(spec.name, &spec);
    for (const std::string& alias : spec.aliases) known.emplace(alias, &spec);
  }
  WeightMap map;
  Faults faults;
  for (const StoredTensor& tensor : checkpoint.tensors()) {
    const auto found = known.find(tensor.name);
    if (found == known.end()) {
      if (!IsIgnored(ignored, tensor.name)) faults.Add("unexpected", ShownName(tensor.name));
      continue;
    }
    const WeightSpec& spec = *found->second;
    if (!map.views_.emplace(spec.name, WeightView(tensor)).second) {
      faults.Add("under two names", ShownName(tensor.name));
    } else if (tensor.shape != spec.shape) {
      faults.Add("of the wrong shape",
                 absl::StrCat(ShownName(tensor.name), " (is ", ShapeText(tensor.shape),
                              ", must be ", ShapeText(spec.shape), ")"));
    } else if (!IsConvertible(tensor.dtype)) {
      faults.Add(
          "of a type that is not F32, F16 or BF16",
          absl::StrCat(ShownName(tensor.name), " (is ", AbslView(DTypeName(tensor.dtype)), ")"));
    }
  }
  for (const WeightSpec& spec : specs) {
    if (!spec.optional && !map.views_.contains(spec.name)) faults.Add("missing", spec.name);
  }
  map.path_ = checkpoint.path().string();
  if (faults.empty()) return map;
  return absl::InvalidArgumentError(
      absl::StrCat(map.path_, ": the tensors do not fit config.json; ", faults.ToString()));
}

absl::Status WeightMap::CheckValues() const {
  Faults faults;
  std::map<std::string_view, const WeightView*> sorted;
  for (const auto& [name, view] : views_) sorted.emplace(view.name(), &view);
  for (const auto& [name, view] : sorted) {
    const auto note = [&faults, view = view](uint64_t count, std::string_view what) {
      if (count == 0) return;
      faults.Add(what, absl::StrCat(ShownName(view->name()), " (", count, " of ", view->size(),
                                    " values)"));
    };
    note(view->num_not_finite(),
         "with values that are not finite (the file is damaged, or the training diverged: get "
         "another)");
    note(view->num_too_large(), "with values too large for this dtype (take --dtype float32)");
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path_, ": the tensors hold weights that cannot be used; ", faults.ToString()));
}

const WeightView* WeightMap::Find(const std::string& name) const {
  const auto found = views_.find(name);
  return found == views_.end() ? nullptr : &found->second;
}

}  // namespace chorus::runner
