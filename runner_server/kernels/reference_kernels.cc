#include "runner_server/kernels/reference_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace chorus {

double ReferenceActivation(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kGeluTanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::kGeluErf:
      return x / 2 * (1 + std::erf(x / std::numbers::sqrt2));
  }
  return x;
}

void ReferenceGemm(const GemmArgs& args) {
  for (int row = 0; row < args.m; ++row) {
    for (int column = 0; column < args.n; ++column) {
      const ptrdiff_t panel = column / kPanelColumns;
      double sum = args.bias == nullptr ? 0 : args.bias[column];
      for (int i = 0; i < args.k; ++i) {
        const float weight =
            args.panels[(panel * args.k + i) * kPanelColumns + column % kPanelColumns];
        sum += static_cast<double>(args.a[row * args.a_stride + i]) * weight;
      }
      sum = ReferenceActivation(args.activation, sum);
      const ptrdiff_t place = row * args.c_stride + column;
      if (args.residual != nullptr) sum += args.residual[place];
      args.c[place] = static_cast<float>(sum);
    }
  }
}

void ReferenceLayerNorm(const LayerNormArgs& args) {
  double mean = 0, variance = 0;
  for (int i = 0; i < args.n; ++i) mean += args.x[i];
  mean /= args.n;
  for (int i = 0; i < args.n; ++i) variance += (args.x[i] - mean) * (args.x[i] - mean);
  variance /= args.n;
  for (int i = 0; i < args.n; ++i) {
    args.out[i] = static_cast<float>(
        (args.x[i] - mean) / std::sqrt(variance + args.epsilon) * args.weight[i] + args.bias[i]);
  }
}

void ReferenceAttention(const AttentionArgs& args) {
  for (int i = 0; i < args.num_queries; ++i) {
    const int num_keys = args.num_keys + (args.causal ? i : 0);
    std::vector<double> weights(num_keys);
    double max = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int t = 0; t < num_keys; ++t) {
      double score = 0;
      for (int d = 0; d < args.head_size; ++d) {
        const ptrdiff_t place =
            (static_cast<ptrdiff_t>(t / kKeyBlock) * args.head_size + d) * kKeyBlock;
        score +=
            static_cast<double>(args.q[i * args.q_stride + d]) * args.keys[place + t % kKeyBlock];
      }
      weights[t] = score * args.scale;
      max = std::max(max, weights[t]);
    }
    for (double& weight : weights) sum += weight = std::exp(weight - max);
    for (int d = 0; d < args.head_size; ++d) {
      double mixed = 0;
      for (int t = 0; t < num_keys; ++t)
        mixed += weights[t] * args.values[t * args.value_stride + d];
      args.out[i * args.out_stride + d] = static_cast<float>(mixed / sum);
    }
  }
}

}  // namespace chorus
