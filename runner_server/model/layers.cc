#include "runner_server/model/layers.h"

#include <algorithm>

#include "base/status_macros.h"

namespace chorus {

Norm ReadNorm(const WeightMap& weights, const std::string& prefix, float epsilon) {
  return {.weight = weights.at(prefix + ".weight").ReadAll(),
          .bias = weights.at(prefix + ".bias").ReadAll(),
          .epsilon = epsilon};
}

absl::StatusOr<PackedMatrix> ReadRows(const WeightView& weight, Precision precision,
                                      ThreadPool& pool) {
  const float largest = LargestWeight(precision);
  return PackedMatrix::FromRows(
      precision, static_cast<int>(weight.shape()[0]), static_cast<int>(weight.shape()[1]),
      [&](size_t first, size_t count, float* out) { weight.Read(first, count, out, largest); },
      pool);
}

absl::StatusOr<Linear> ReadLinear(const WeightMap& weights, const std::string& prefix,
                                  Precision precision, ThreadPool& pool) {
  Linear linear;
  ASSIGN_OR_RETURN(linear.weight, ReadRows(weights.at(prefix + ".weight"), precision, pool));
  linear.bias = weights.at(prefix + ".bias").ReadAll();
  return linear;
}

absl::StatusOr<Linear> ReadConv1D(const WeightMap& weights, const std::string& prefix,
                                  Precision precision, ThreadPool& pool) {
  const WeightView& weight = weights.at(prefix + ".weight");
  const float largest = LargestWeight(precision);
  Linear linear;
  ASSIGN_OR_RETURN(
      linear.weight,
      PackedMatrix::FromColumns(
          precision, static_cast<int>(weight.shape()[1]), static_cast<int>(weight.shape()[0]),
          [&](size_t first, size_t count, float* out) { weight.Read(first, count, out, largest); },
          pool));
  linear.bias = weights.at(prefix + ".bias").ReadAll();
  return linear;
}

absl::StatusOr<Linear> ReadFusedLinears(const WeightMap& weights,
                                        const std::vector<std::string>& prefixes,
                                        Precision precision, ThreadPool& pool) {
  std::vector<const WeightView*> parts;
  const float largest = LargestWeight(precision);
  Linear linear;
  uint64_t out = 0;
  for (const std::string& prefix : prefixes) {
    parts.push_back(&weights.at(prefix + ".weight"));
    out += parts.back()->shape()[0];
    const std::vector<float> bias = weights.at(prefix + ".bias").ReadAll();
    linear.bias.insert(linear.bias.end(), bias.begin(), bias.end());
  }
  const auto read = [&](size_t first, size_t count, float* values) {
    for (const WeightView* part : parts) {
      if (first < part->size()) {
        const size_t taken = std::min(count, part->size() - first);
        part->Read(first, taken, values, largest);
        values += taken;
        count -= taken;
        first += taken;
      }
      first -= part->size();
      if (count == 0) return;
    }
  };
  ASSIGN_OR_RETURN(linear.weight,
                   PackedMatrix::FromRows(precision, static_cast<int>(out),
                                          static_cast<int>(parts[0]->shape()[1]), read, pool));
  return linear;
}

}  // namespace chorus
