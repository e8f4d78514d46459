#include "runner_server/model/encoder_head.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "runner_server/model/random_weights.h"

namespace chorus::runner {
namespace {

bool HasPooler(const Architecture& architecture) {
  const auto* embedding = std::get_if<EmbeddingHead>(&architecture.head);
  return embedding == nullptr || embedding->pooling == Pooling::kPooler;
}

Pooling PoolingOf(const Head& head) {
  const auto* embedding = std::get_if<EmbeddingHead>(&head);
  return embedding != nullptr ? embedding->pooling : std::get<ClassificationHead>(head).pooling;
}

Activation ActivationOf(const Head& head) {
  const auto* embedding = std::get_if<EmbeddingHead>(&head);
  return embedding != nullptr ? embedding->activation
                              : std::get<ClassificationHead>(head).activation;
}

// A layer [in] -> [out]. Where an untrained head lacks it, it is drawn; INVALID_ARGUMENT if it
// lacks a part of it.
absl::StatusOr<Linear> ReadLinear(const Head& head, const NormalDistribution& initial,
                                  const WeightMap& weights, const std::string& name, int out,
                                  int in, bool has_bias, ThreadPool& pool) {
  Linear linear;
  const WeightView* weight = weights.Find(name + ".weight");
  const WeightView* bias = has_bias ? weights.Find(name + ".bias") : nullptr;
  if (has_bias && (weight == nullptr) != (bias == nullptr)) {
    return absl::InvalidArgumentError(
        absl::StrCat("of ", name, " there is only ", (weight == nullptr ? bias : weight)->name()));
  }
  if (has_bias) linear.bias = bias != nullptr ? bias->ReadAll() : std::vector<float>(out);
  std::vector<float> drawn;
  if (weight == nullptr) {
    drawn = NormalWeights(*std::get<ClassificationHead>(head).untrained_seed, name + ".weight",
                          static_cast<size_t>(out) * in, initial);
  }
  const auto read = [&](size_t first, size_t count, float* values) {
    if (weight != nullptr) return weight->Read(first, count, values);
    std::copy_n(drawn.begin() + static_cast<ptrdiff_t>(first), count, values);
  };
  ASSIGN_OR_RETURN(linear.weight, PackedMatrix::FromRows(Precision::kFloat32, out, in, read, pool));
  return linear;
}

// Where an untrained head lacks it, it changes nothing, as transformers initialises it.
Norm ReadNorm(const Architecture& architecture, const WeightMap& weights) {
  const std::string& name = architecture.names.pooler_norm;
  if (name.empty()) return {};
  Norm norm = {.kind = architecture.norm, .epsilon = architecture.norm_epsilon};
  const WeightView* weight = weights.Find(name + ".weight");
  const WeightView* bias = weights.Find(name + ".bias");
  const size_t size = architecture.hidden_size;
  norm.weight = weight != nullptr ? weight->ReadAll() : std::vector<float>(size, 1);
  if (bias != nullptr) norm.bias = bias->ReadAll();
  return norm;
}

// out = the mean of `count` rows of x, [count, hidden].
void Average(const float* x, int count, size_t hidden, float* out) {
  std::memcpy(out, x, hidden * sizeof(float));
  for (int t = 1; t < count; ++t) {
    for (size_t i = 0; i < hidden; ++i) out[i] += x[t * hidden + i];
  }
  for (size_t i = 0; i < hidden; ++i) out[i] /= static_cast<float>(count);
}

}  // namespace

std::vector<WeightSpec> EncoderHead::Specs(const Architecture& architecture) {
  std::vector<WeightSpec> specs;
  const auto hidden = static_cast<uint64_t>(architecture.hidden_size);
  const WeightNames& names = architecture.names;
  const auto* classifier = std::get_if<ClassificationHead>(&architecture.head);
  const bool is_optional = classifier != nullptr && classifier->untrained_seed.has_value();
  const auto add = [&](const std::string& name, std::vector<uint64_t> shape, bool has_bias) {
    const uint64_t out = shape[0];
    specs.push_back({.name = name + ".weight", .shape = std::move(shape), .optional = is_optional});
    if (has_bias) {
      specs.push_back({.name = name + ".bias", .shape = {out}, .optional = is_optional});
    }
  };
  if (HasPooler(architecture)) add(names.pooler, {hidden, hidden}, architecture.biases.pooler);
  if (!names.pooler_norm.empty()) add(names.pooler_norm, {hidden}, architecture.biases.norms);
  if (classifier != nullptr && !classifier->draws_scores) {
    add(names.head, {classifier->labels.size(), hidden}, true);
  }
  return specs;
}

absl::StatusOr<EncoderHead> EncoderHead::Read(const Architecture& architecture,
                                              const WeightMap& weights, ThreadPool& pool) {
  EncoderHead head;
  const auto* classifier = std::get_if<ClassificationHead>(&architecture.head);
  const auto read = [&](const std::string& name, int out, const NormalDistribution& initial,
                        bool has_bias) {
    return ReadLinear(architecture.head, initial, weights, name, out, architecture.hidden_size,
                      has_bias, pool);
  };
  head.pooler_norm_ = ReadNorm(architecture, weights);
  if (HasPooler(architecture)) {
    ASSIGN_OR_RETURN(head.pooler_,
                     read(architecture.names.pooler, architecture.hidden_size,
                          classifier != nullptr ? classifier->initial_pooler : NormalDistribution(),
                          architecture.biases.pooler));
  }
  if (classifier != nullptr) {
    ASSIGN_OR_RETURN(head.scores_, read(architecture.names.head, architecture.num_values(),
                                        classifier->initial_scores, /*has_bias=*/true));
  }
  return head;
}

std::span<const float> EncoderHead::Apply(const Architecture& architecture, LinearContext& linear,
                                          const float* x, std::span<const int> begins) {
  const size_t hidden = architecture.hidden_size;
  const int count = static_cast<int>(begins.size()) - 1;
  const bool is_mean = PoolingOf(architecture.head) == Pooling::kMean;
  float* gathered = gathered_.Get(count * hidden);  // [rows, hidden]
  for (int i = 0; i < count; ++i) {
    const int num_tokens = is_mean ? begins[i + 1] - begins[i] : 1;
    Average(x + begins[i] * hidden, num_tokens, hidden, gathered + i * hidden);
  }
  const size_t size = size_t(count) * architecture.num_values();
  if (!HasPooler(architecture)) return {gathered, size};
  float* pooled = pooled_.Get(count * hidden);  // [rows, hidden]
  linear.Apply(pooler_, gathered, count, pooled, ActivationOf(architecture.head));
  if (!std::holds_alternative<ClassificationHead>(architecture.head)) return {pooled, size};
  if (!pooler_norm_.empty()) linear.Normalize(pooler_norm_, pooled, count, pooled);
  float* values = values_.Get(size);
  linear.Apply(scores_, pooled, count, values);
  return {values, size};
}

}  // namespace chorus::runner
