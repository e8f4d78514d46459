#pragma once

// Runs a test once for each kernel set that this CPU has.

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "runner_server/kernels/kernel_table.h"

namespace chorus::runner {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
// What no kernel may make a number of.
inline constexpr float kNotFinite[] = {std::numeric_limits<float>::quiet_NaN(), kInfinity,
                                       -kInfinity};

// Standard normals, the same ones in every run.
class RandomFloatSource {
 protected:
  std::vector<float> RandomFloats(size_t size) {
    std::normal_distribution<float> normal;
    std::vector<float> values(size);
    for (float& value : values) value = normal(random_);
    return values;
  }

 private:
  std::mt19937 random_{7};
};

class KernelTest : public testing::TestWithParam<const KernelTable*>, protected RandomFloatSource {
 protected:
  const KernelTable& kernels() const { return *GetParam(); }
};

inline std::vector<const KernelTable*> AllSupportedKernels() {
  std::vector<const KernelTable*> all;
  for (const KernelTable* const* kernels = SupportedKernels(); *kernels != nullptr; ++kernels) {
    all.push_back(*kernels);
  }
  return all;
}

#define CHORUS_FOR_ALL_KERNELS(suite)                                                 \
  INSTANTIATE_TEST_SUITE_P(CpuPaths, suite, testing::ValuesIn(AllSupportedKernels()), \
                           [](const auto& info) { return std::string(info.param->name); })

}  // namespace chorus::runner
