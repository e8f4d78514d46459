#pragma once

// A linear layer: packed weights, bias, and fused epilogues.

#include <cstdint>
#include <vector>

#include "runner_server/kernels/activation.h"
#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/packed_matrix.h"
#include "runner_server/kernels/quantize.h"
#include "runner_server/kernels/thread_pool.h"

namespace chorus::runner {

struct Norm {
  std::vector<float> weight;  // [hidden]
  std::vector<float> bias;    // [hidden]
  float epsilon = 0;
};

struct Linear {
  PackedMatrix weight;
  std::vector<float> bias;  // [out]; empty for none.
};

// The threads and buffers of a model's linear layers. Buffers hold inputs in the weights'
// precision, grow to the largest input seen, and stay.
//
// Thread safety: none; one for each model, used by its owner.
class LinearContext {
 public:
  // num_threads must be >= 1.
  explicit LinearContext(int num_threads) : pool_(num_threads), normed_(num_threads) {}

  ThreadPool& pool() { return pool_; }

  // y = residual + activation(x W^T + bias). x is [m, in], y [m, out]; `residual`, [m, out], may be
  // y itself or null for none. Rows are independent.
  void Apply(const Linear& linear, const float* x, int m, float* y,
             Activation activation = Activation::kNone, const float* residual = nullptr);
  // y = activation(norm(x) W^T + bias).
  void ApplyNormed(const Norm& norm, const Linear& linear, const float* x, int m, float* y,
                   Activation activation = Activation::kNone);

  // y = norm(x), [m, hidden] each; y may be x.
  void Normalize(const Norm& norm, const float* x, int m, float* y);

 private:
  void Multiply(const Norm* norm, const Linear& linear, const float* x, int m, float* y,
                Activation activation, const float* residual);
  // Points args at x in the weights' precision, normalised unless `norm` is null.
  void ConvertInput(const Norm* norm, const PackedMatrix& weight, const float* x, GemmArgs& args);

  ThreadPool pool_;
  std::vector<std::vector<float>> normed_;  // By thread: one row.
  std::vector<uint32_t> converted_;         // [m][ceil(in / v)] lanes of 32 bits.
  std::vector<RowQuantization> quantized_;
};

}  // namespace chorus::runner
