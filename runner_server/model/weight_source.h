#pragma once

// The weights that an Architecture names, as fp32: those of a checkpoint, and those that an
// untrained head has drawn. What both executors read.
//
// Thread safety: all methods may be called from any thread.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace chorus::runner {

class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // `name` must be one of WeightSpecs, such as "h.0.ln_1.weight", here and below.
  virtual std::span<const uint64_t> shape(const std::string& name) const = 0;

  // Writes elements [first, first + count), in row-major order. Counts values that are not finite
  // or beyond `largest`, of which the model's loading tells.
  virtual void Read(const std::string& name, size_t first, size_t count, float* out,
                    float largest = std::numeric_limits<float>::max()) const = 0;

  // All of a tensor.
  std::vector<float> ReadAll(const std::string& name) const {
    size_t size = 1;
    for (const uint64_t extent : shape(name)) size *= extent;
    std::vector<float> values(size);
    Read(name, 0, size, values.data());
    return values;
  }
};

}  // namespace chorus::runner
