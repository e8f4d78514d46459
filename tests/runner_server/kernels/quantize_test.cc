#include "runner_server/kernels/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runner_server/kernels/precision.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus::runner {
namespace {

using QuantizeTest = KernelTest;

constexpr int kSizes[] = {1, 2, 15, 16, 17, 31, 64, 100};
constexpr uint8_t kUntouched = 77;

TEST_P(QuantizeTest, KeepsEveryElementWithinHalfAScale) {
  for (const int n : kSizes) {
    for (const float offset : {0.0f, 5.0f, -5.0f}) {
      std::vector<float> x = RandomFloats(n);
      for (float& value : x) value += offset;
      std::vector<uint8_t> q(n + 1, kUntouched);
      const RowQuantization quantized = kernels().quantize(x.data(), n, q.data());
      EXPECT_GE(quantized.zero, 0);
      EXPECT_LE(quantized.zero, 255);
      for (int i = 0; i < n; ++i) {
        // The zero point is rounded too, so that one end of the range may lose another half.
        EXPECT_NEAR(quantized.scale * (q[i] - quantized.zero), x[i], quantized.scale * 1.01f)
            << "element " << i << " of " << n;
      }
      EXPECT_EQ(q[n], kUntouched);
    }
  }
}

TEST_P(QuantizeTest, KeepsZeroExactly) {
  const std::vector<float> x = {-1.3f, 0, 7.7f};
  std::vector<uint8_t> q(3);
  const RowQuantization quantized = kernels().quantize(x.data(), 3, q.data());
  EXPECT_EQ(q[1], quantized.zero);
}

TEST_P(QuantizeTest, TakesWhatLeavesNoRange) {
  for (const float value : {0.0f, 1e-38f}) {
    const std::vector<float> x(20, value);
    std::vector<uint8_t> q(20, kUntouched);
    const RowQuantization quantized = kernels().quantize(x.data(), 20, q.data());
    EXPECT_EQ(quantized.scale, 1) << value;
    EXPECT_THAT(q, testing::Each(quantized.zero)) << value;
  }
}

TEST_P(QuantizeTest, MakesNoNumberOfARowThatIsNotFinite) {
  const auto expect_nan = [&](const std::vector<float>& x, float bad) {
    std::vector<uint8_t> q(x.size(), kUntouched);
    const RowQuantization quantized =
        kernels().quantize(x.data(), static_cast<int>(x.size()), q.data());
    EXPECT_TRUE(std::isnan(quantized.scale)) << bad << " among " << x.size();
    EXPECT_EQ(quantized.zero, 0);
    EXPECT_THAT(q, testing::Each(0));
  };
  for (const int n : kSizes) {
    for (const float bad : kNotFinite) {
      for (int i = 0; i < n; ++i) {
        std::vector<float> x = RandomFloats(n);
        x[i] = bad;
        expect_nan(x, bad);
      }
    }
  }
  expect_nan({3e38f, -3e38f}, 0);  // Its range overflows.
}

TEST_P(QuantizeTest, RoundsToBfloat16AsTheDefinitionDoes) {
  for (const int n : kSizes) {
    const std::vector<float> x = RandomFloats(n);
    std::vector<uint16_t> narrow(n + 2, 7);
    kernels().to_bfloat16(x.data(), n, narrow.data());
    for (int i = 0; i < n; ++i) EXPECT_EQ(narrow[i], FloatToBfloat16(x[i]));
    EXPECT_EQ(narrow[n], n % 2 == 0 ? 7 : 0);
    EXPECT_EQ(narrow[n + 1], 7);
  }
}

TEST_P(QuantizeTest, RoundsTiesToEvenAndKeepsWhatIsNotANumber) {
  const std::vector<float> x = {1.0f + 0x1p-8f,
                                1.0f + 3 * 0x1p-8f,
                                -1.0f - 0x1p-8f,
                                kInfinity,
                                -kInfinity,
                                std::numeric_limits<float>::quiet_NaN(),
                                0.0f,
                                3.4e38f};
  std::vector<uint16_t> narrow(x.size());
  kernels().to_bfloat16(x.data(), static_cast<int>(x.size()), narrow.data());
  EXPECT_EQ(Bfloat16ToFloat(narrow[0]), 1.0f);
  EXPECT_EQ(Bfloat16ToFloat(narrow[1]), 1.0f + 0x1p-6f);
  EXPECT_EQ(Bfloat16ToFloat(narrow[2]), -1.0f);
  EXPECT_EQ(Bfloat16ToFloat(narrow[3]), kInfinity);
  EXPECT_EQ(Bfloat16ToFloat(narrow[4]), -kInfinity);
  EXPECT_TRUE(std::isnan(Bfloat16ToFloat(narrow[5])));
  EXPECT_EQ(Bfloat16ToFloat(narrow[6]), 0.0f);
  EXPECT_EQ(Bfloat16ToFloat(narrow[7]), kInfinity);  // Past the largest bf16.
}

CHORUS_FOR_ALL_KERNELS(QuantizeTest);

}  // namespace
}  // namespace chorus::runner
