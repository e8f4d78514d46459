#include "runner_server/model/checkpoint_weights.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/model/random_weights.h"
#include "runner_server/model/weight_specs.h"

namespace chorus::runner {

absl::StatusOr<CheckpointWeights> CheckpointWeights::Create(const Architecture& architecture,
                                                            const Checkpoint& checkpoint) {
  ASSIGN_OR_RETURN(WeightMap map, WeightMap::Create(checkpoint, WeightSpecs(architecture)));
  CheckpointWeights weights(std::move(map));
  const auto* head = std::get_if<ClassificationHead>(&architecture.head);
  if (head == nullptr || !head->untrained_seed.has_value()) return weights;
  const uint64_t hidden = architecture.hidden_size;
  const WeightNames& names = architecture.names;
  RETURN_IF_ERROR(weights.DrawLinear(*head, names.pooler, hidden, hidden,
                                     architecture.biases.pooler, head->initial_pooler));
  RETURN_IF_ERROR(weights.DrawLinear(*head, names.head, head->labels.size(), hidden,
                                     /*has_bias=*/true, head->initial_scores));
  if (!names.pooler_norm.empty()) {  // It changes nothing, as transformers initialises it.
    weights.Draw(names.pooler_norm + ".weight", {hidden}, std::vector<float>(hidden, 1));
    weights.Draw(names.pooler_norm + ".bias", {hidden}, std::vector<float>(hidden));
  }
  return weights;
}

absl::Status CheckpointWeights::DrawLinear(const ClassificationHead& head, const std::string& name,
                                           uint64_t out, uint64_t in, bool has_bias,
                                           const NormalDistribution& distribution) {
  const std::string weight = name + ".weight", bias = name + ".bias";
  const WeightView* stored_weight = map_.Find(weight);
  const WeightView* stored_bias = has_bias ? map_.Find(bias) : nullptr;
  if (has_bias && (stored_weight == nullptr) != (stored_bias == nullptr)) {
    return absl::InvalidArgumentError(
        absl::StrCat("of ", name, " there is only ",
                     (stored_weight == nullptr ? stored_bias : stored_weight)->name()));
  }
  if (has_bias) Draw(bias, {out}, std::vector<float>(out));
  if (stored_weight == nullptr) {
    Draw(weight, {out, in}, NormalWeights(*head.untrained_seed, weight, out * in, distribution));
  }
  return absl::OkStatus();
}

void CheckpointWeights::Draw(const std::string& name, std::vector<uint64_t> shape,
                             std::vector<float> values) {
  if (map_.Find(name) != nullptr) return;
  drawn_[name] = {.shape = std::move(shape), .values = std::move(values)};
}

std::span<const uint64_t> CheckpointWeights::shape(const std::string& name) const {
  if (const auto drawn = drawn_.find(name); drawn != drawn_.end()) return drawn->second.shape;
  return map_.at(name).shape();
}

void CheckpointWeights::Read(const std::string& name, size_t first, size_t count, float* out,
                             float largest) const {
  const auto drawn = drawn_.find(name);
  if (drawn == drawn_.end()) return map_.at(name).Read(first, count, out, largest);
  std::copy_n(drawn->second.values.begin() + static_cast<ptrdiff_t>(first), count, out);
}

}  // namespace chorus::runner
