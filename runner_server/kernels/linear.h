#pragma once

// A linear layer as the models call it: packed weights, a bias, and what is fused behind them.

#include <vector>

#include "runner_server/kernels/activation.h"
#include "runner_server/kernels/packed_matrix.h"
#include "runner_server/kernels/thread_pool.h"

namespace chorus {

struct Linear {
  PackedMatrix weight;
  std::vector<float> bias;  // [out]; empty for none.
};

// y = residual + activation(x W^T + bias), shared over the pool. x is [m, in], y [m, out];
// `residual`, [m, out], may be y itself or null for none. Rows do not influence each other.
void ApplyLinear(const Linear& linear, const float* x, int m, float* y, ThreadPool& pool,
                 Activation activation = Activation::kNone, const float* residual = nullptr);

}  // namespace chorus
