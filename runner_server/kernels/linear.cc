#include "runner_server/kernels/linear.h"

#include <cstring>

#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

namespace {

void NormalizeRow(const Norm& norm, const float* x, float* y) {
  Kernels().layer_norm({.x = x,
                        .n = static_cast<int>(norm.weight.size()),
                        .weight = norm.weight.data(),
                        .bias = norm.bias.data(),
                        .epsilon = norm.epsilon,
                        .out = y});
}

}  // namespace

void LinearContext::Apply(const Linear& linear, const float* x, int m, float* y,
                          Activation activation, const float* residual) {
  Multiply(nullptr, linear, x, m, y, activation, residual);
}

void LinearContext::ApplyNormed(const Norm& norm, const Linear& linear, const float* x, int m,
                                float* y, Activation activation) {
  Multiply(&norm, linear, x, m, y, activation, nullptr);
}

void LinearContext::Normalize(const Norm& norm, const float* x, int m, float* y) {
  const size_t hidden = norm.weight.size();
  pool_.Run(m, [&](int, int begin, int end) {
    for (int row = begin; row < end; ++row) NormalizeRow(norm, x + row * hidden, y + row * hidden);
  });
}

void LinearContext::Multiply(const Norm* norm, const Linear& linear, const float* x, int m,
                             float* y, Activation activation, const float* residual) {
  const PackedMatrix& weight = linear.weight;
  GemmArgs args = {.panels = weight.panels(),
                   .column_scales = weight.column_scales(),
                   .column_sums = weight.column_sums(),
                   .m = m,
                   .n = weight.out(),
                   .k = weight.in(),
                   .bias = linear.bias.empty() ? nullptr : linear.bias.data(),
                   .activation = activation,
                   .residual = residual,
                   .c = y,
                   .c_stride = weight.out()};
  ConvertInput(norm, weight, x, args);
  const auto gemm = Kernels().gemm[static_cast<int>(weight.precision())];
  pool_.Run(GemmItems(m, weight.out()), [&](int, int begin, int end) { gemm(args, begin, end); });
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
    std::vector<float>& normed = normed_[thread];
    if (norm != nullptr && normed.size() < in) normed.resize(in);
    for (size_t row = begin; row < static_cast<size_t>(end); ++row) {
      const float* from = x + row * in;
      uint32_t* to = &converted_[row * row_lanes];
      if (norm != nullptr) {
        NormalizeRow(*norm, from, normed.data());
        from = normed.data();
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
