#include "runner_server/weights/weight_map.h"

#include <glog/logging.h>

#include <algorithm>
#include <map>
#include <span>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/finite.h"
#include "base/near_name.h"
#include "base/string_view.h"
#include "runner_server/weights/convert.h"
#include "runner_server/weights/faults.h"

namespace chorus::runner {
namespace {

std::string ShapeText(const std::vector<uint64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// As ConvertToFloat, of a tensor that has strides.
void ConvertStrided(const StoredTensor& tensor, size_t first, size_t count, float* out) {
  for (size_t i = first; i < first + count; ++i) {
    uint64_t rest = i;
    uint64_t at = 0;
    for (size_t d = tensor.shape.size(); d-- > 0; rest /= tensor.shape[d]) {
      at += rest % tensor.shape[d] * tensor.strides[d];
    }
    ConvertToFloat(tensor.dtype, tensor.data, at, 1, out++);
  }
}

// The names of the specs, and how the checkpoint at hand stores them.
class Names {
 public:
  Names(const std::vector<StoredTensor>& tensors, const std::vector<WeightSpec>& specs) {
    for (const StoredTensor& tensor : tensors) stored_.emplace(tensor.name, &tensor);
    for (const WeightSpec& spec : specs) {
      Know(spec.name);
      for (const std::string& alias : spec.aliases) Know(alias);
    }
  }

  // Finds the prefix. INVALID_ARGUMENT if two have equal claims: the model is there twice.
  absl::Status FindPrefix() {
    std::map<std::string_view, size_t> votes;
    for (const auto& [name, tensor] : stored_) Vote(name, votes);
    const auto has_less = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto best = std::max_element(votes.begin(), votes.end(), has_less);
    if (best == votes.end()) return absl::OkStatus();
    for (const auto& [prefix, count] : votes) {
      if (count < best->second || prefix == best->first) continue;
      return absl::InvalidArgumentError(absl::StrCat("the tensors are there twice, behind \"",
                                                     ShownName(best->first), "\" and \"",
                                                     ShownName(prefix), "\""));
    }
    prefix_ = best->first;
    return absl::OkStatus();
  }

  // Null if none of the spec's names is stored.
  const StoredTensor* Find(const WeightSpec& spec) const {
    const StoredTensor* tensor = Find(spec.name);
    for (size_t i = 0; tensor == nullptr && i < spec.aliases.size(); ++i) {
      tensor = Find(spec.aliases[i]);
    }
    return tensor;
  }

  std::string_view WithoutPrefix(std::string_view name) const {
    return name.starts_with(prefix_) ? name.substr(prefix_.size()) : name;
  }

 private:
  void Know(const std::string& name) {
    known_.insert(name);
    longest_ = std::max(longest_, name.size());
  }

  // What stands before each known name that `name` ends with.
  void Vote(std::string_view name, std::map<std::string_view, size_t>& votes) const {
    for (size_t begin = name.size() > longest_ ? name.size() - longest_ : 0; begin < name.size();
         ++begin) {
      const bool begins_part = begin == 0 || name[begin - 1] == '.';
      if (begins_part && known_.contains(name.substr(begin))) ++votes[name.substr(0, begin)];
    }
  }

  const StoredTensor* Find(const std::string& name) const {
    auto found = stored_.find(absl::StrCat(AbslView(prefix_), name));
    if (found == stored_.end()) found = stored_.find(name);
    return found == stored_.end() ? nullptr : found->second;
  }

  std::unordered_map<std::string, const StoredTensor*> stored_;
  std::unordered_set<std::string_view> known_;
  size_t longest_ = 0;  // Of those.
  std::string_view prefix_;
};

// The first tensor that only quantised weights have beside them, by the end of its name; or one
// that the model needs of such a type.
std::string QuantisedTensor(const std::vector<StoredTensor>& tensors) {
  constexpr std::string_view kEnds[] = {".qweight",      ".qzeros",           ".SCB",
                                        ".weight_scale", ".weight_scale_inv", ".weight_packed",
                                        ".absmax",       ".quant_map"};
  for (const StoredTensor& tensor : tensors) {
    for (const std::string_view end : kEnds) {
      if (tensor.name.ends_with(end)) return ShownName(tensor.name);
    }
  }
  return "";
}

bool IsOfBytes(const StoredTensor& tensor) { return DTypeSizeBytes(tensor.dtype) == 1; }

absl::Status Quantised(const std::string& path, const std::string& tensor) {
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": the weights are quantised (", tensor,
      "). Chorus takes float32, float16 and bfloat16,"
      " and quantises them itself with --dtype int8: give the model that this was made from, or "
      "load it with transformers, and save it with save_pretrained after model.dequantize()"));
}

// An adapter that was saved with the model, and not merged into it.
bool HasAdapter(const std::vector<std::string>& names) {
  return std::ranges::any_of(
      names, [](const std::string& name) { return name.find(".lora_A.") != std::string::npos; });
}

// Says of the missing tensors which ignored ones they may have been written as.
void AddMissing(const std::vector<std::string>& missing, const std::vector<std::string>& ignored,
                const Names& names, Faults& faults) {
  constexpr size_t kMaxCompared = 1000;  // Of untrusted names: each costs time.
  constexpr size_t kMaxHints = 10;       // No more are shown.
  std::vector<std::string> candidates;
  for (size_t i = 0; i < std::min(ignored.size(), kMaxCompared); ++i) {
    candidates.emplace_back(names.WithoutPrefix(ignored[i]));
  }
  for (size_t i = 0; i < missing.size(); ++i) {
    const std::string near = i < kMaxHints ? NearName(missing[i], candidates) : "";
    faults.Add("missing", near.empty()
                              ? missing[i]
                              : absl::StrCat(missing[i], " (is ", ShownName(near), " it?)"));
  }
}

}  // namespace

void WeightView::Read(size_t first, size_t count, float* out, float largest) const {
  tensor_->strides.empty() ? ConvertToFloat(tensor_->dtype, tensor_->data, first, count, out)
                           : ConvertStrided(*tensor_, first, count, out);
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
                                            const std::vector<WeightSpec>& specs) {
  WeightMap map;
  map.path_ = checkpoint.path().string();
  Names names(checkpoint.tensors(), specs);
  if (absl::Status status = names.FindPrefix(); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(map.path_, ": ", status.message()));
  }
  if (const std::string quantised = QuantisedTensor(checkpoint.tensors()); !quantised.empty()) {
    return Quantised(map.path_, quantised);
  }
  Faults faults;
  std::vector<std::string> missing;
  std::unordered_set<const StoredTensor*> used;
  for (const WeightSpec& spec : specs) {
    const StoredTensor* tensor = names.Find(spec);
    if (tensor == nullptr) {
      if (!spec.optional) missing.push_back(spec.name);
      continue;
    }
    used.insert(tensor);
    if (IsOfBytes(*tensor)) {
      return Quantised(map.path_, absl::StrCat(ShownName(tensor->name), " is ",
                                               AbslView(DTypeName(tensor->dtype))));
    }
    if (tensor->shape != spec.shape) {
      faults.Add("of the wrong shape",
                 absl::StrCat(ShownName(tensor->name), " (is ", ShapeText(tensor->shape),
                              ", must be ", ShapeText(spec.shape), ")"));
    } else if (!IsConvertible(tensor->dtype)) {
      faults.Add(
          "of a type that is not F32, F16 or BF16",
          absl::StrCat(ShownName(tensor->name), " (is ", AbslView(DTypeName(tensor->dtype)), ")"));
    }
    map.views_.emplace(spec.name, WeightView(*tensor));
  }
  for (const StoredTensor& tensor : checkpoint.tensors()) {
    if (!used.contains(&tensor)) map.ignored_.push_back(tensor.name);
  }
  AddMissing(missing, map.ignored_, names, faults);
  if (!faults.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(map.path_, ": the tensors do not fit config.json; ", faults.ToString(),
                     HasAdapter(map.ignored_)
                         ? "; an adapter (lora_A) lies beside them: merge it into the model "
                           "(merge_and_unload of peft), and save that"
                         : ""));
  }
  if (!map.ignored_.empty()) {
    std::vector<std::string> shown;
    for (const std::string& name : map.ignored_) shown.push_back(ShownName(name));
    LOG(INFO) << "event=ignored_tensors file=" << map.path_ << " count=" << shown.size()
              << " names=\"" << SomeOf(shown) << "\"";
  }
  return map;
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
