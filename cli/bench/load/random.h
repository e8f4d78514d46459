#pragma once

// Random numbers that are the same on every machine, which those of <random> need not be.
//
// Thread safety: none.

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>

namespace chorus::bench {

class Random {
 public:
  // Each `stream` of a seed has numbers of its own.
  Random(uint64_t seed, uint64_t stream)
      : engine_((seed + 1) * 0x9E3779B97F4A7C15u + stream * 0xBF58476D1CE4E5B9u) {}

  uint64_t Bits() { return engine_(); }
  // In [0, 1).
  double Uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  // Of mean 1.
  double Exponential() { return -std::log1p(-Uniform()); }
  // Of mean 0 and standard deviation 1 (Box and Muller).
  double Normal() {
    const double radius = std::sqrt(2 * Exponential());
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  std::mt19937_64 engine_;  // Its numbers are those of the C++ standard.
};

}  // namespace chorus::bench
