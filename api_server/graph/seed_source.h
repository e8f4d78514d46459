#pragma once

// Seeds for requests without one: SplitMix64 (Steele, Lea and Flood, 2014), seeded by the operating
// system. Period 2^64.
//
// Thread safety: Next() may be called from any thread.

#include <atomic>
#include <cstdint>
#include <random>

namespace chorus {

class SeedSource {
 public:
  SeedSource() {
    std::random_device device;
    state_ = (uint64_t{device()} << 32) | device();
  }

  uint64_t Next() {
    uint64_t z = state_.fetch_add(0x9E3779B97F4A7C15, std::memory_order_relaxed);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

 private:
  std::atomic<uint64_t> state_;
};

}  // namespace chorus
