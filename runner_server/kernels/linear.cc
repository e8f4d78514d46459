#include "runner_server/kernels/linear.h"

#include "runner_server/kernels/kernel_table.h"

namespace chorus {

void ApplyLinear(const Linear& linear, const float* x, int m, float* y, ThreadPool& pool,
                 Activation activation, const float* residual) {
  const PackedMatrix& weight = linear.weight;
  const GemmArgs args = {.a = x,
                         .a_stride = weight.in(),
                         .panels = weight.panels(),
                         .m = m,
                         .n = weight.out(),
                         .k = weight.in(),
                         .bias = linear.bias.empty() ? nullptr : linear.bias.data(),
                         .activation = activation,
                         .residual = residual,
                         .c = y,
                         .c_stride = weight.out()};
  const KernelTable& kernels = Kernels();
  pool.Run(GemmItems(m, weight.out()),
           [&](int, int begin, int end) { kernels.gemm(args, begin, end); });
}

}  // namespace chorus
