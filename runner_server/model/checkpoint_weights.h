#pragma once

// The weights of an Architecture in a checkpoint, and what its untrained head lacks there, drawn.
//
// Thread safety: immutable but for the counts of unusable values; all methods may be called from
// any thread. Must not outlive the checkpoint.

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runner_server/model/architecture.h"
#include "runner_server/model/weight_source.h"
#include "runner_server/weights/checkpoint.h"
#include "runner_server/weights/weight_map.h"

namespace chorus::runner {

class CheckpointWeights : public WeightSource {
 public:
  // INVALID_ARGUMENT lists the tensors that are missing or do not match.
  static absl::StatusOr<CheckpointWeights> Create(const Architecture& architecture,
                                                  const Checkpoint& checkpoint);

  std::span<const uint64_t> shape(const std::string& name) const override;
  void Read(const std::string& name, size_t first, size_t count, float* out,
            float largest) const override;

  // As WeightMap's, once all is read.
  absl::Status CheckValues() const { return map_.CheckValues(); }

 private:
  struct Drawn {
    std::vector<uint64_t> shape;
    std::vector<float> values;
  };

  explicit CheckpointWeights(WeightMap map) : map_(std::move(map)) {}

  // What the checkpoint lacks of an untrained head's linear layer [in] -> [out]. INVALID_ARGUMENT
  // if that is a part of it.
  absl::Status DrawLinear(const ClassificationHead& head, const std::string& name, uint64_t out,
                          uint64_t in, bool has_bias, const NormalDistribution& distribution);
  void Draw(const std::string& name, std::vector<uint64_t> shape, std::vector<float> values);

  WeightMap map_;
  std::unordered_map<std::string, Drawn> drawn_;
};

}  // namespace chorus::runner
