#include "runner_server/kernels/reference_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace chorus::runner {

double ReferenceActivation(Activation activation, double x) {
  const double none = 0 * x;  // As the kernels: no number made of an infinity.
  const auto gelu = [](double x) { return x / 2 * (1 + std::erf(x / std::numbers::sqrt2)); };
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return std::max(x, 0.0) + none;
    case Activation::kTanh:
      return std::tanh(x) + none;
    case Activation::kGeluTanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::kGeluErf:
      return gelu(x);
    case Activation::kGelu10:
      return std::clamp(gelu(x), -10.0, 10.0) + none;
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kMish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::kRelu2:
      return std::pow(std::max(x, 0.0), 2) + none;
    case Activation::kRelu6:
      return std::clamp(x, 0.0, 6.0) + none;
    case Activation::kLeakyRelu:
      return x < 0 ? 0.01 * x : x;
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x)) + none;
    case Activation::kLaplace:
      return (1 + std::erf((x - 0.707107) / (0.282095 * std::numbers::sqrt2))) / 2 + none;
  }
  return x;
}

namespace {

// Element [row, i] of A, and element [i, column] of B without its scale.
double ElementOfA(Precision precision, const GemmArgs& args, int row, int i) {
  const ptrdiff_t place = row * args.a_stride + i;
  if (precision == Precision::kBfloat16) {
    return Bfloat16ToFloat(static_cast<const uint16_t*>(args.a)[place]);
  }
  if (precision == Precision::kInt8) {
    const RowQuantization& quantized = args.a_quantized[row];
    const int q = static_cast<const uint8_t*>(args.a)[place];
    return static_cast<double>(quantized.scale) * (q - quantized.zero);
  }
  return static_cast<const float*>(args.a)[place];
}

double ElementOfB(Precision precision, const GemmArgs& args, int i, int column) {
  const int per_lane = WeightsPerLane(precision);
  const ptrdiff_t steps = (args.k + per_lane - 1) / per_lane;
  const ptrdiff_t lane =
      (column / kPanelColumns * steps + i / per_lane) * kPanelColumns + column % kPanelColumns;
  const ptrdiff_t place = lane * per_lane + i % per_lane;
  if (precision == Precision::kFloat32) return static_cast<const float*>(args.panels)[place];
  if (precision == Precision::kBfloat16) {
    return Bfloat16ToFloat(static_cast<const uint16_t*>(args.panels)[place]);
  }
  return static_cast<double>(args.column_scales[column]) *
         static_cast<const int8_t*>(args.panels)[place];
}

}  // namespace

void ReferenceGemm(Precision precision, const GemmArgs& args) {
  const auto product = [&](int row, int column) {
    double sum = args.bias == nullptr ? 0 : args.bias[column];
    for (int i = 0; i < args.k; ++i) {
      sum += ElementOfA(precision, args, row, i) * ElementOfB(precision, args, i, column);
    }
    return sum;
  };
  constexpr int kHalf = kPanelColumns / 2;
  for (int row = 0; row < args.m; ++row) {
    for (int column = 0; column < (args.gated ? args.n / 2 : args.n); ++column) {
      const int gate = args.gated ? column / kHalf * kPanelColumns + column % kHalf : column;
      double sum = ReferenceActivation(args.activation, product(row, gate));
      if (args.gated) sum *= product(row, gate + kHalf);
      const ptrdiff_t place = row * args.c_stride + column;
      if (args.residual != nullptr) sum += args.residual[place];
      args.c[place] = static_cast<float>(sum);
    }
  }
}

void ReferenceLayerNorm(const NormArgs& args) {
  double mean = 0, variance = 0;
  for (int i = 0; i < args.n; ++i) mean += args.x[i];
  mean /= args.n;
  for (int i = 0; i < args.n; ++i) variance += (args.x[i] - mean) * (args.x[i] - mean);
  variance /= args.n;
  for (int i = 0; i < args.n; ++i) {
    const double bias = args.bias == nullptr ? 0 : args.bias[i];
    args.out[i] = static_cast<float>(
        (args.x[i] - mean) / std::sqrt(variance + args.epsilon) * args.weight[i] + bias);
  }
}

void ReferenceRmsNorm(const NormArgs& args) {
  double squares = 0;
  for (int i = 0; i < args.n; ++i) squares += static_cast<double>(args.x[i]) * args.x[i];
  const double root = std::sqrt(squares / args.n + args.epsilon);
  for (int i = 0; i < args.n; ++i) {
    args.out[i] = static_cast<float>(args.x[i] / root * args.weight[i]);
  }
}

void ReferenceRotary(const RotaryArgs& args) {
  for (int h = 0; h < args.num_heads; ++h) {
    float* head = args.heads + static_cast<ptrdiff_t>(h) * args.head_size;
    for (int i = 0; i < args.half; ++i) {
      const double x = head[i], y = head[args.half + i];
      head[i] = static_cast<float>(x * args.cosines[i] - y * args.sines[i]);
      head[args.half + i] = static_cast<float>(y * args.cosines[i] + x * args.sines[i]);
    }
  }
}

namespace {

// Element `index` of lane `lane`, `v` elements to a lane.
double LaneElement(KvElement element, const char* lanes, ptrdiff_t lane, int index) {
  if (element == KvElement::kFloat32) return reinterpret_cast<const float*>(lanes)[lane];
  return Bfloat16ToFloat(reinterpret_cast<const uint16_t*>(lanes)[lane * 2 + index]);
}

double KeyElement(const AttentionArgs& args, int t, int d) {
  const int v = args.element == KvElement::kBfloat16 ? 2 : 1;
  const char* block = args.keys + t / kKeyBlock * args.key_block_stride;
  return LaneElement(args.element, block, ptrdiff_t{d / v} * kKeyBlock + t % kKeyBlock, d % v);
}

double ValueElement(const AttentionArgs& args, int t, int d) {
  const int v = args.element == KvElement::kBfloat16 ? 2 : 1;
  const char* row = args.values + t / kKeyBlock * args.value_block_stride +
                    t % kKeyBlock / v * args.value_row_stride;
  return LaneElement(args.element, row, d, t % v);
}

}  // namespace

void ReferenceAttention(const AttentionArgs& args) {
  for (int i = 0; i < args.num_queries; ++i) {
    const bool narrow = args.element == KvElement::kBfloat16;
    const int so_far = args.num_keys + (args.causal ? i : 0);
    const int num_keys = args.most_keys > 0 ? std::min(so_far, args.most_keys) : so_far;
    const int first = args.window > 0 ? std::max(0, so_far - args.window) : 0;
    std::vector<double> weights(num_keys);
    double max = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int t = first; t < num_keys; ++t) {
      double score = 0;
      for (int d = 0; d < args.head_size; ++d) {
        const float q = args.q[i * args.q_stride + d];
        score += (narrow ? Bfloat16ToFloat(FloatToBfloat16(q)) : q) * KeyElement(args, t, d);
      }
      weights[t] = score * args.scale;
      if (args.soft_cap > 0) weights[t] = args.soft_cap * std::tanh(weights[t] / args.soft_cap);
      max = std::max(max, weights[t]);
    }
    for (int t = first; t < num_keys; ++t) {
      double& weight = weights[t];
      sum += weight = std::exp(weight - max) + 0 * weight;  // NaN for minus infinity.
      if (narrow) weight = Bfloat16ToFloat(FloatToBfloat16(static_cast<float>(weight)));
    }
    for (int d = 0; d < args.head_size; ++d) {
      double mixed = 0;
      for (int t = first; t < num_keys; ++t) mixed += weights[t] * ValueElement(args, t, d);
      args.out[i * args.out_stride + d] = static_cast<float>(mixed / sum);
    }
  }
}

}  // namespace chorus::runner
