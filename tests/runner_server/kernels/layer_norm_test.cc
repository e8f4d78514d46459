#include "runner_server/kernels/layer_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "runner_server/kernels/reference_kernels.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus::runner {
namespace {

using LayerNormTest = KernelTest;

TEST_P(LayerNormTest, EqualsReferenceOverOddSizes) {
  for (const int n : {1, 2, 15, 16, 17, 31, 64, 192, 768, 1000}) {
    // A mean far from zero, as a residual stream has.
    for (const float offset : {0.0f, 50.0f}) {
      std::vector<float> x = RandomFloats(n);
      for (float& value : x) value += offset;
      const std::vector<float> weight = RandomFloats(n), bias = RandomFloats(n);
      std::vector<float> actual(n + 1, 7.0f), expected(n);
      LayerNormArgs args = {.x = x.data(),
                            .n = n,
                            .weight = weight.data(),
                            .bias = bias.data(),
                            .epsilon = 1e-5f,
                            .out = actual.data()};
      kernels().layer_norm(args);
      EXPECT_EQ(actual[n], 7.0f) << "wrote past the end";
      actual.pop_back();
      args.out = expected.data();
      ReferenceLayerNorm(args);
      EXPECT_THAT(actual, testing::Pointwise(testing::FloatNear(3e-5f), expected)) << "n " << n;
    }
  }
}

TEST_P(LayerNormTest, MakesNoNumberOfARowThatIsNotFinite) {
  const auto expect_none = [&](const std::vector<float>& x, float bad) {
    const int n = static_cast<int>(x.size());
    const std::vector<float> weight = RandomFloats(n), bias = RandomFloats(n);
    std::vector<float> y(n);
    kernels().layer_norm({.x = x.data(),
                          .n = n,
                          .weight = weight.data(),
                          .bias = bias.data(),
                          .epsilon = 1e-5f,
                          .out = y.data()});
    for (const float value : y) EXPECT_FALSE(std::isfinite(value)) << bad << " among " << n;
  };
  for (const int n : {2, 16, 17, 40}) {
    for (int i = 0; i < n; ++i) {
      // The variance overflows where there is 1e25.
      for (const float bad : {kNotFinite[0], kNotFinite[1], kNotFinite[2], 1e25f, -3e38f}) {
        std::vector<float> x = RandomFloats(n);
        x[i] = bad;
        expect_none(x, bad);
      }
    }
  }
}

TEST_P(LayerNormTest, WorksInPlace) {
  const int n = 77;
  std::vector<float> x = RandomFloats(n), apart(n);
  const std::vector<float> weight = RandomFloats(n), bias = RandomFloats(n);
  LayerNormArgs args = {.x = x.data(),
                        .n = n,
                        .weight = weight.data(),
                        .bias = bias.data(),
                        .epsilon = 1e-12f,
                        .out = apart.data()};
  kernels().layer_norm(args);
  args.out = x.data();
  kernels().layer_norm(args);
  EXPECT_EQ(x, apart);
}

CHORUS_FOR_ALL_KERNELS(LayerNormTest);

}  // namespace
}  // namespace chorus::runner
