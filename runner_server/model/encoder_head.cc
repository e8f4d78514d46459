#include "runner_server/model/encoder_head.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace chorus::runner {
namespace {

absl::StatusOr<Linear> ReadLinear(const WeightSource& source, const std::string& name,
                                  bool has_bias, ThreadPool& pool) {
  const std::string weight = name + ".weight";
  const std::span<const uint64_t> shape = source.shape(weight);
  Linear linear;
  ASSIGN_OR_RETURN(linear.weight,
                   PackedMatrix::FromRows(
                       Precision::kFloat32, static_cast<int>(shape[0]), static_cast<int>(shape[1]),
                       [&](size_t first, size_t count, float* values) {
                         source.Read(weight, first, count, values);
                       },
                       pool));
  if (has_bias) linear.bias = source.ReadAll(name + ".bias");
  return linear;
}

Norm ReadNorm(const Architecture& architecture, const WeightSource& source) {
  const std::string& name = architecture.names.pooler_norm;
  if (name.empty()) return {};
  Norm norm = {.kind = architecture.norm,
               .weight = source.ReadAll(name + ".weight"),
               .epsilon = architecture.norm_epsilon};
  if (architecture.biases.norms) norm.bias = source.ReadAll(name + ".bias");
  return norm;
}

// out = the mean of `count` rows of x, [count, hidden]; of none 0.
void Average(const float* x, int count, size_t hidden, float* out) {
  if (count == 0) {
    std::fill_n(out, hidden, 0.0f);
    return;
  }
  std::memcpy(out, x, hidden * sizeof(float));
  for (int t = 1; t < count; ++t) {
    for (size_t i = 0; i < hidden; ++i) out[i] += x[t * hidden + i];
  }
  for (size_t i = 0; i < hidden; ++i) out[i] /= static_cast<float>(count);
}

}  // namespace

absl::StatusOr<EncoderHead> EncoderHead::Read(const Architecture& architecture,
                                              const WeightSource& source, ThreadPool& pool) {
  EncoderHead head;
  head.pooler_norm_ = ReadNorm(architecture, source);
  if (HasPooler(architecture.head)) {
    ASSIGN_OR_RETURN(head.pooler_, ReadLinear(source, architecture.names.pooler,
                                              architecture.biases.pooler, pool));
  }
  if (std::holds_alternative<ClassificationHead>(architecture.head)) {
    ASSIGN_OR_RETURN(head.scores_,
                     ReadLinear(source, architecture.names.head, /*has_bias=*/true, pool));
  }
  for (const DenseLayer& dense : DenseLayersOf(architecture.head)) {
    ASSIGN_OR_RETURN(Linear linear, ReadLinear(source, dense.linear_name(), dense.has_bias, pool));
    Linear residual;
    if (dense.projects_input()) {
      ASSIGN_OR_RETURN(residual, ReadLinear(source, dense.residual_name(), false, pool));
    }
    head.dense_.push_back({.linear = std::move(linear),
                           .activation = dense.activation,
                           .adds_input = dense.adds_input,
                           .residual = std::move(residual)});
  }
  return head;
}

std::span<const float> EncoderHead::Apply(const Architecture& architecture, LinearContext& linear,
                                          const float* x, std::span<const int> begins,
                                          std::span<const int> unpooled) {
  const size_t hidden = architecture.hidden_size;
  const int count = static_cast<int>(begins.size()) - 1;
  const bool is_mean = PoolingOf(architecture.head) == Pooling::kMean;
  float* pooled = gathered_.Get(count * hidden);  // [rows, hidden]
  for (int i = 0; i < count; ++i) {
    const int num_tokens = begins[i + 1] - begins[i];
    const int first = is_mean ? std::min(unpooled[i], num_tokens) : 0;
    Average(x + (begins[i] + first) * hidden, is_mean ? num_tokens - first : 1, hidden,
            pooled + i * hidden);
  }
  const size_t size = size_t(count) * architecture.num_values();
  if (HasPooler(architecture.head)) {
    const float* gathered = std::exchange(pooled, pooled_.Get(count * hidden));
    linear.Apply(pooler_, gathered, count, pooled, PoolerActivationOf(architecture.head));
  }
  for (Dense& dense : dense_) {
    const size_t dense_size = size_t(count) * dense.linear.out();
    const float* in = std::exchange(pooled, dense.out.Get(dense_size));
    const float* added = dense.adds_input ? in : nullptr;
    if (dense.residual.out() > 0) {
      float* projected = dense.projected.Get(dense_size);
      linear.Apply(dense.residual, in, count, projected);
      added = projected;
    }
    linear.Apply(dense.linear, in, count, pooled, dense.activation, added);
  }
  if (!std::holds_alternative<ClassificationHead>(architecture.head)) return {pooled, size};
  if (!pooler_norm_.empty()) linear.Normalize(pooler_norm_, pooled, count, pooled);
  float* values = values_.Get(size);
  linear.Apply(scores_, pooled, count, values);
  return {values, size};
}

}  // namespace chorus::runner
