#pragma once

// Reads the golden data that tools/golden/make_model_golden.py wrote.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "runner_server/weights/checkpoint.h"

namespace chorus::runner {

// Golden data of one model, tests/testdata/models/NAME.{json,safetensors}. Throws where it is
// broken.
class Golden {
 public:
  explicit Golden(const std::string& name);

  const nlohmann::json& json() const { return json_; }
  std::vector<float> Floats(const std::string& tensor) const;
  bool Has(const std::string& tensor) const;

 private:
  nlohmann::json json_;
  Checkpoint tensors_;
};

// Writes the checkpoint that a golden file describes, whose weights both sides make: config.json
// and model.safetensors.
void WriteRandomCheckpoint(const Golden& golden, const std::filesystem::path& directory);

// max|difference| / max|reference| over the kept logits of logits case `index`.
double LogitsDistance(const Golden& golden, size_t index, std::span<const float> logits);

// Expects `logits` to be those of logits case `index` to a distance of 1e-4, and to have
// the same likeliest token.
void ExpectLogits(const Golden& golden, size_t index, std::span<const float> logits);

}  // namespace chorus::runner
