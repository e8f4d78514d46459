#include "runner_server/kernels/linear.h"

#include <cstring>

#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

void Norm::Apply(const float* x, float* y) const {
  const KernelTable& kernels = Kernels();
  (kind == NormKind::kRmsNorm ? kernels.rms_norm
                              : kernels.layer_norm)({.x = x,
                                                     .n = static_cast<int>(weight.size()),
                                                     .weight = weight.data(),
                                                     .bias = bias.empty() ? nullptr : bias.data(),
                                                     .epsilon = epsilon,
                                                     .out = y});
}

void LinearContext::Apply(const Linear& linear, const float* x, int m, float* y,
                          Activation activation, const float* residual) {
  Multiply(nullptr, linear, x, m, y, activation, residual);
}

void LinearContext::ApplyNormed(const Norm& norm, const Linear& linear, const float* x, int m,
                                float* y, Activation activation) {
  Multiply(norm.empty() ? nullptr : &norm, linear, x, m, y, activation, nullptr);
}

void LinearContext::Normalize(const Norm& norm, const float* x, int m, float* y) {
  const size_t hidden = norm.weight.size();
  pool_.Run(m, [&](int, int begin, int end) {
    for (int row = begin; row < end; ++row) norm.Apply(x + row * hidden, y + row * hidden);
  });
}

void LinearContext::AddNormalized(const Norm& norm, const float* x, int m, float* y) {
  const size_t hidden = norm.weight.size();
  pool_.Run(m, [&](int thread, int begin, int end) {
    float* normed = NormedRow(thread, hidden);
    for (int row = begin; row < end; ++row) {
      norm.Apply(x + row * hidden, normed);
      for (size_t i = 0; i < hidden; ++i) y[row * hidden + i] += normed[i];
    }
  });
}

float* LinearContext::NormedRow(int thread, size_t size) {
  std::vector<float>& row = normed_[thread];
  if (row.size() < size) row.resize(size);
  return row.data();
}

void LinearContext::Multiply(const Norm* norm, const Linear& linear, const float* x, int m,
                             float* y, Activation activation, const float* residual) {
  const PackedMatrix& weight = linear.weight;
  GemmArgs args = {.panels = weight.panels(),
                   .column_scales = weight.column_scales(),
                   .column_sums = weight.column_sums(),
                   .m = m,
                   .n = linear.num_gated > 0 ? 2 * linear.num_gated : weight.out(),
                   .k = weight.in(),
                   .bias = linear.bias.empty() ? nullptr : linear.bias.data(),
                   .activation = activation,
                   .gated = linear.num_gated > 0,
                   .residual = residual,
                   .c = y,
                   .c_stride = linear.out()};
  ConvertInput(norm, weight, x, args);
  const auto gemm = Kernels().gemm[static_cast<int>(weight.precision())];
  pool_.Run(GemmItems(m, args.n), [&](int, int begin, int end) { gemm(args, begin, end); });
}

void LinearContext::ConvertInput(const Norm* norm, const PackedMatrix& weight, const float* x,
                                 GemmArgs& args) {
  const Precision precision = weight.precision();
  const size_t in = weight.in();
  const int per_lane = WeightsPerLane(precision);
  const bool is_float = precision == Precision::kFloat32 || precision == Precision::kInt8WeightOnly;
  if (is_float && norm == nullptr && in % per_lane == 0) {
    args.a = x;
    args.a_stride = static_cast<ptrdiff_t>(in);
    return;
  }
  const size_t steps = (in + per_lane - 1) / per_lane;
  const size_t row_lanes = is_float ? steps * per_lane : steps;
  if (converted_.size() < args.m * row_lanes) converted_.resize(args.m * row_lanes);
  if (quantized_.size() < static_cast<size_t>(args.m)) quantized_.resize(args.m);
  const KernelTable& kernels = Kernels();
  pool_.Run(args.m, [&](int thread, int begin, int end) {
    float* normed = norm == nullptr ? nullptr : NormedRow(thread, in);
    for (size_t row = begin; row < static_cast<size_t>(end); ++row) {
      const float* from = x + row * in;
      uint32_t* to = &converted_[row * row_lanes];
      if (norm != nullptr) {
        norm->Apply(from, normed);
        from = normed;
      }
      to[row_lanes - 1] = 0;  // What lies past `in` must be finite.
      if (precision == Precision::kBfloat16) {
        kernels.to_bfloat16(from, weight.in(), reinterpret_cast<uint16_t*>(to));
      } else if (precision == Precision::kInt8) {
        quantized_[row] = kernels.quantize(from, weight.in(), reinterpret_cast<uint8_t*>(to));
      } else {
        std::memset(to + in, 0, (row_lanes - in) * sizeof(float));
        std::memcpy(to, from, in * sizeof(float));
      }
    }
  });
  args.a = converted_.data();
  args.a_stride = static_cast<ptrdiff_t>(is_float ? row_lanes : row_lanes * per_lane);
  args.a_quantized = quantized_.data();
}

}  // namespace chorus::runner
