#pragma once

// The weights of a linear layer, y = W x, in the panels that gemm.h reads.
//
// W is [out, in]; panel p holds outputs 64 p to 64 p + 63 as [in][64], those past the last zero.
// Thread safety: immutable once made.

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runner_server/kernels/memory_region.h"
#include "runner_server/kernels/thread_pool.h"

namespace chorus {

class PackedMatrix {
 public:
  // Writes `count` stored elements from `first` on, in row-major order, to `out`. Called from the
  // pool's threads at once.
  using Reader = absl::FunctionRef<void(size_t first, size_t count, float* out)>;

  PackedMatrix() = default;
  // From a stored [out, in], as a Linear or an embedding has it. RESOURCE_EXHAUSTED without memory.
  static absl::StatusOr<PackedMatrix> FromRows(int out, int in, Reader read, ThreadPool& pool);
  // From a stored [in, out], as GPT-2's Conv1D has it.
  static absl::StatusOr<PackedMatrix> FromColumns(int out, int in, Reader read, ThreadPool& pool);

  int out() const { return out_; }
  int in() const { return in_; }
  const float* panels() const { return memory_.floats(); }

  // Writes W's row `index`, [in]: the vector of a token whose embedding is also the head.
  void CopyRow(int index, float* row) const;

 private:
  static absl::StatusOr<PackedMatrix> Allocate(int out, int in);
  float* Panel(int panel) const;

  int out_ = 0;
  int in_ = 0;
  MemoryRegion memory_;
};

}  // namespace chorus
