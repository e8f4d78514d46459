#include "runner_server/kernels/layer_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "runner_server/kernels/reference_kernels.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus {
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
}  // namespace chorus
