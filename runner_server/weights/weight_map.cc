#include "runner_server/weights/weight_map.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/finite.h"
#include "base/string_view.h"
#include "runner_server/weights/convert.h"

namespace chorus::runner {
namespace {

// Tensors that one error names: in a model whose training diverged it is all of them.
constexpr size_t kMaxNamed = 10;

std::string ShapeText(const std::vector<uint64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// The faults of a file, kind by kind.
struct Faults {
  std::vector<std::string> missing, unexpected, misshapen, mistyped, repeated;

  absl::Status ToStatus(const std::string& path) const {
    std::vector<std::string> parts;
    const auto add = [&parts](std::string_view what, const std::vector<std::string>& names) {
      if (!names.empty()) {
        parts.push_back(
            absl::StrCat(names.size(), " ", AbslView(what), ": ", absl::StrJoin(names, ", ")));
      }
    };
    add("missing", missing);
    add("unexpected", unexpected);
    add("of the wrong shape", misshapen);
    add("of a type that is not F32, F16 or BF16", mistyped);
    add("under two names", repeated);
    if (parts.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the tensors do not fit config.json; ", absl::StrJoin(parts, "; ")));
  }
};

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
  ConvertToFloat(info_->dtype, data_, first, count, out);
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

absl::StatusOr<WeightMap> WeightMap::Create(const SafetensorsFile& file,
                                            const std::vector<WeightSpec>& specs,
                                            const std::vector<std::string>& ignored) {
  std::unordered_map<std::string_view, const WeightSpec*> known;
  for (const WeightSpec& spec : specs) {
    known.emplace(spec.name, &spec);
    for (const std::string& alias : spec.aliases) known.emplace(alias, &spec);
  }
  WeightMap map;
  Faults faults;
  for (const TensorInfo& tensor : file.tensors()) {
    const std::string shown = absl::Utf8SafeCEscape(tensor.name);
    const auto found = known.find(tensor.name);
    if (found == known.end()) {
      if (!IsIgnored(ignored, tensor.name)) faults.unexpected.push_back(shown);
      continue;
    }
    const WeightSpec& spec = *found->second;
    if (!map.views_.emplace(spec.name, WeightView(tensor, file.Data(tensor))).second) {
      faults.repeated.push_back(shown);
    } else if (tensor.shape != spec.shape) {
      faults.misshapen.push_back(absl::StrCat(shown, " (is ", ShapeText(tensor.shape), ", must be ",
                                              ShapeText(spec.shape), ")"));
    } else if (!IsConvertible(tensor.dtype)) {
      faults.mistyped.push_back(
          absl::StrCat(shown, " (is ", AbslView(DTypeName(tensor.dtype)), ")"));
    }
  }
  for (const WeightSpec& spec : specs) {
    if (!spec.optional && !map.views_.contains(spec.name)) faults.missing.push_back(spec.name);
  }
  map.path_ = file.path().string();
  if (absl::Status status = faults.ToStatus(map.path_); !status.ok()) return status;
  return map;
}

absl::Status WeightMap::CheckValues() const {
  std::vector<std::string> not_finite, too_large;
  for (const auto& [name, view] : views_) {
    const auto note = [&view = view](uint64_t count, std::vector<std::string>& tensors) {
      if (count == 0) return;
      tensors.push_back(absl::StrCat(absl::Utf8SafeCEscape(view.name()), " (", count, " of ",
                                     view.size(), " values)"));
    };
    note(view.num_not_finite(), not_finite);
    note(view.num_too_large(), too_large);
  }
  std::string faults;
  const auto add = [&faults](std::vector<std::string>& tensors, std::string_view what) {
    if (tensors.empty()) return;
    std::sort(tensors.begin(), tensors.end());
    const size_t num_tensors = tensors.size();
    tensors.resize(std::min(num_tensors, kMaxNamed));
    absl::StrAppend(&faults, "; ", num_tensors, " with ", AbslView(what), ": ",
                    absl::StrJoin(tensors, ", "));
    if (num_tensors > kMaxNamed)
      absl::StrAppend(&faults, ", and ", num_tensors - kMaxNamed, " more");
  };
  add(not_finite,
      "values that are not finite (the file is damaged, or the training diverged: get another)");
  add(too_large, "values too large for this dtype (take --dtype float32)");
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path_, ": the tensors hold weights that cannot be used", faults));
}

const WeightView* WeightMap::Find(const std::string& name) const {
  const auto found = views_.find(name);
  return found == views_.end() ? nullptr : &found->second;
}

}  // namespace chorus::runner
