#pragma once

// A linear layer: packed weights, bias, and fused epilogues.

#include <cstdint>
#include <vector>

#include "runner_server/kernels/activation.h"
#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/norm.h"
#include "runner_server/kernels/packed_matrix.h"
#include "runner_server/kernels/quantize.h"
#include "runner_server/kernels/thread_pool.h"

namespace chorus::runner {

struct Norm {
  NormKind kind = NormKind::kLayerNorm;
  std::vector<float> weight;  // [hidden]; empty: there is no norm, and x is taken as it is.
  std::vector<float> bias;    // [hidden]; empty for none.
  float epsilon = 0;

  bool empty() const { return weight.empty(); }
  void Apply(const float* x, float* y) const;  // To one row; y may be x.
};

struct Linear {
  PackedMatrix weight;
  std::vector<float> bias;  // [out]; empty for none.
  // The outputs of a gated pair of layers, whose rows lie in `weight` as gemm.h has them; 0: this
  // is no such pair.
  int num_gated = 0;

  int out() const { return num_gated > 0 ? num_gated : weight.out(); }
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
  // y = activation(norm(x) W^T + bias), and if gated as gemm.h has it.
  void ApplyNormed(const Norm& norm, const Linear& linear, const float* x, int m, float* y,
                   Activation activation = Activation::kNone);

  // y = norm(x), [m, hidden] each; y may be x.
  void Normalize(const Norm& norm, const float* x, int m, float* y);
  // y += norm(x).
  void AddNormalized(const Norm& norm, const float* x, int m, float* y);

 private:
  void Multiply(const Norm* norm, const Linear& linear, const float* x, int m, float* y,
                Activation activation, const float* residual);
  float* NormedRow(int thread, size_t size);
  // Points args at x in the weights' precision, normalised unless `norm` is null.
  void ConvertInput(const Norm* norm, const PackedMatrix& weight, const float* x, GemmArgs& args);

  ThreadPool pool_;
  std::vector<std::vector<float>> normed_;  // By thread: one row.
  std::vector<uint32_t> converted_;         // [m][ceil(in / v)] lanes of 32 bits.
  std::vector<RowQuantization> quantized_;
};

}  // namespace chorus::runner
