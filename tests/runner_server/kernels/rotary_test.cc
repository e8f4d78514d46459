#include "runner_server/kernels/rotary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "runner_server/kernels/reference_kernels.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus::runner {
namespace {

using RotaryTest = KernelTest;

TEST_P(RotaryTest, EqualsReferenceOverOddSizes) {
  for (const auto& [head_size, half] : {std::pair{2, 1},
                                        {20, 10},
                                        {64, 8},
                                        {64, 32},
                                        {80, 16},
                                        {96, 48},
                                        {100, 13},
                                        {128, 64},
                                        {256, 128}}) {
    for (const int num_heads : {1, 2, 5}) {
      const size_t size = static_cast<size_t>(num_heads) * head_size;
      std::vector<float> heads = RandomFloats(size + 1), expected = heads;
      std::vector<float> cosines = RandomFloats(half), sines = cosines;
      for (int i = 0; i < half; ++i) {
        sines[i] = std::sin(cosines[i]);
        cosines[i] = std::cos(cosines[i]);
      }
      RotaryArgs args = {.heads = heads.data(),
                         .num_heads = num_heads,
                         .head_size = head_size,
                         .half = half,
                         .cosines = cosines.data(),
                         .sines = sines.data()};
      kernels().rotary(args);
      args.heads = expected.data();
      ReferenceRotary(args);
      // The dimensions that are not turned, and what lies past the heads, are as they were.
      EXPECT_THAT(heads, testing::Pointwise(testing::FloatNear(1e-6f), expected))
          << "head size " << head_size << " half " << half;
      for (int h = 0; h < num_heads; ++h) {
        for (int d = 2 * half; d < head_size; ++d) {
          EXPECT_EQ(heads[h * head_size + d], expected[h * head_size + d]);
        }
      }
      EXPECT_EQ(heads.back(), expected.back());
    }
  }
}

TEST_P(RotaryTest, MakesNoNumberOfWhatIsNotFinite) {
  constexpr int kHalf = 21;
  for (const float bad : kNotFinite) {
    for (int place = 0; place < 2 * kHalf; ++place) {
      std::vector<float> head = RandomFloats(2 * kHalf);
      head[place] = bad;
      const std::vector<float> cosines(kHalf, 0.6f), sines(kHalf, 0.8f);
      kernels().rotary({.heads = head.data(),
                        .num_heads = 1,
                        .head_size = 2 * kHalf,
                        .half = kHalf,
                        .cosines = cosines.data(),
                        .sines = sines.data()});
      for (int d = 0; d < 2 * kHalf; ++d) {
        EXPECT_EQ(!std::isfinite(head[d]), d % kHalf == place % kHalf) << bad << " " << d;
      }
    }
  }
}

CHORUS_FOR_ALL_KERNELS(RotaryTest);

}  // namespace
}  // namespace chorus::runner
