#pragma once

// The weights of a linear layer, y = W x, in the panel layout of gemm.h.
//
// W is [out, in]; panel p holds outputs 64 p to 64 p + 63 as [ceil(in / v)][64][v], zero-padded. In
// the int8 precisions an output's weights are its scale times integers in [-127, 127], the largest
// being 127. For kInt8 kernels that saturate pairs, the largest two neighbours, 2i and 2i + 1, have
// magnitudes that add up to 126 to 128 instead.
// Thread safety: immutable once made.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runner_server/kernels/kernel_table.h"
#include "runner_server/kernels/memory_region.h"
#include "runner_server/kernels/precision.h"
#include "runner_server/kernels/thread_pool.h"

namespace chorus::runner {

class PackedMatrix {
 public:
  // Writes `count` stored elements from `first` on, in row-major order, to `out`. Called by the
  // pool's threads concurrently.
  using Reader = absl::FunctionRef<void(size_t first, size_t count, float* out)>;

  PackedMatrix() = default;
  // From a stored [out, in], as of a Linear or an embedding. RESOURCE_EXHAUSTED without memory.
  static absl::StatusOr<PackedMatrix> FromRows(Precision precision, int out, int in, Reader read,
                                               ThreadPool& pool,
                                               const KernelTable& kernels = Kernels());
  // From a stored [in, out], as of GPT-2's Conv1D.
  static absl::StatusOr<PackedMatrix> FromColumns(Precision precision, int out, int in, Reader read,
                                                  ThreadPool& pool,
                                                  const KernelTable& kernels = Kernels());

  Precision precision() const { return precision_; }
  int out() const { return out_; }
  int in() const { return in_; }
  const void* panels() const { return memory_.data(); }
  // [panels * 64] each; null if the precision has none.
  const float* column_scales() const { return scales_.empty() ? nullptr : scales_.data(); }
  const int32_t* column_sums() const { return sums_.empty() ? nullptr : sums_.data(); }

  // Writes W's row `index`, [in]: the vector of a token whose embedding is also the head.
  void CopyRow(int index, float* row) const;

 private:
  // Writes one panel's weights as fp32, [in][64].
  using Gather = absl::FunctionRef<void(int panel, float* weights)>;

  static absl::StatusOr<PackedMatrix> Make(Precision precision, int out, int in, Gather gather,
                                           ThreadPool& pool, const KernelTable& kernels);
  size_t panel_bytes() const;
  char* Panel(int panel) const { return memory_.data() + panel * panel_bytes(); }
  void PackBfloat16(const float* weights, int panel);
  void PackInt8(const float* weights, int panel, bool bound_pairs);

  Precision precision_ = Precision::kFloat32;
  int out_ = 0;
  int in_ = 0;
  MemoryRegion memory_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
};

}  // namespace chorus::runner
