#include "runner_server/kernels/linear.h"

#include <cstring>

#include "runner_server/kernels/kernel_table.h"

namespace chorus {

void LinearContext::Apply(const Linear& linear, const float* x, int m, float* y,
                          Activation activation, const float* residual) {
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
  ConvertInput(weight, x, args);
  const auto gemm = Kernels().gemm[static_cast<int>(weight.precision())];
  pool_.Run(GemmItems(m, weight.out()), [&](int, int begin, int end) { gemm(args, begin, end); });
}

void LinearContext::ConvertInput(const PackedMatrix& weight, const float* x, GemmArgs& args) {
  const Precision precision = weight.precision();
  const int in = weight.in();
  const int per_lane = WeightsPerLane(precision);
  if (precision == Precision::kFloat32 ||
      (precision == Precision::kInt8WeightOnly && in % per_lane == 0)) {
    args.a = x;
    args.a_stride = in;
    return;
  }
  const bool is_float = precision == Precision::kInt8WeightOnly;
  const size_t steps = (in + per_lane - 1) / per_lane;
  const size_t row_lanes = is_float ? steps * per_lane : steps;
  if (converted_.size() < args.m * row_lanes) converted_.resize(args.m * row_lanes);
  if (quantized_.size() < static_cast<size_t>(args.m)) quantized_.resize(args.m);
  const KernelTable& kernels = Kernels();
  pool_.Run(args.m, [&](int, int begin, int end) {
    for (size_t row = begin; row < static_cast<size_t>(end); ++row) {
      const float* from = x + row * in;
      uint32_t* to = &converted_[row * row_lanes];
      to[row_lanes - 1] = 0;  // What lies past `in` must be finite.
      if (precision == Precision::kBfloat16) {
        kernels.to_bfloat16(from, in, reinterpret_cast<uint16_t*>(to));
      } else if (precision == Precision::kInt8) {
        quantized_[row] = kernels.quantize(from, in, reinterpret_cast<uint8_t*>(to));
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

}  // namespace chorus
