#pragma once

// The parts both architectures are made of, and how they are read from a checkpoint.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/kernels/linear.h"
#include "runner_server/kernels/thread_pool.h"
#include "runner_server/weights/weight_map.h"

namespace chorus {

// Buffers of a forward pass: grow to the largest pass seen and stay; contents are not kept.
class Scratch {
 public:
  float* Get(size_t size) {
    if (buffer_.size() < size) buffer_ = std::vector<float>(size);
    return buffer_.data();
  }

 private:
  std::vector<float> buffer_;
};

// The named tensors must be of a spec of `weights`. RESOURCE_EXHAUSTED without memory.

Norm ReadNorm(const WeightMap& weights, const std::string& prefix, float epsilon);
// A stored [out, in], as PyTorch's Linear has it.
absl::StatusOr<PackedMatrix> ReadRows(const WeightView& weight, Precision precision,
                                      ThreadPool& pool);
absl::StatusOr<Linear> ReadLinear(const WeightMap& weights, const std::string& prefix,
                                  Precision precision, ThreadPool& pool);
// A stored [in, out], as GPT-2's Conv1D has it.
absl::StatusOr<Linear> ReadConv1D(const WeightMap& weights, const std::string& prefix,
                                  Precision precision, ThreadPool& pool);
// Several Linears over the same input as one, their outputs side by side.
absl::StatusOr<Linear> ReadFusedLinears(const WeightMap& weights,
                                        const std::vector<std::string>& prefixes,
                                        Precision precision, ThreadPool& pool);

}  // namespace chorus
