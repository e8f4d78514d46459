#include "runner_server/model/random_weights.h"

#include <cmath>
#include <numbers>

namespace chorus::runner {
namespace {

constexpr uint64_t kGoldenGamma = 0x9E3779B97F4A7C15;

uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// In (0, 1].
double Uniform(uint64_t bits) { return static_cast<double>((bits >> 11) + 1) * 0x1p-53; }

}  // namespace

std::vector<float> NormalWeights(uint64_t seed, std::string_view name, size_t count,
                                 const NormalDistribution& distribution) {
  uint64_t state = Mix(seed);
  for (const char byte : name) state = Mix(state ^ static_cast<unsigned char>(byte));
  std::vector<float> weights;
  weights.reserve(count + 1);
  while (weights.size() < count) {
    const double radius = std::sqrt(-2 * std::log(Uniform(Mix(state += kGoldenGamma))));
    const double angle = 2 * std::numbers::pi * Uniform(Mix(state += kGoldenGamma));
    for (const double normal : {radius * std::cos(angle), radius * std::sin(angle)}) {
      if (std::abs(normal) > distribution.most_deviations) continue;
      weights.push_back(static_cast<float>(distribution.deviation * normal));
    }
  }
  weights.resize(count);
  return weights;
}

}  // namespace chorus::runner
