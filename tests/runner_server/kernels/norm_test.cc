#include "runner_server/kernels/norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "runner_server/kernels/reference_kernels.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus::runner {
namespace {

class NormTest : public KernelTest {
 protected:
  using Kernel = void (*)(const NormArgs& args);

  struct Case {
    const char* name;
    Kernel kernel, reference;
    bool has_bias;
  };
  std::vector<Case> Cases() const {
    return {{"layer", kernels().layer_norm, ReferenceLayerNorm, true},
            {"layer without bias", kernels().layer_norm, ReferenceLayerNorm, false},
            {"rms", kernels().rms_norm, ReferenceRmsNorm, false}};
  }
};

TEST_P(NormTest, EqualsReferenceOverOddSizes) {
  for (const int n : {1, 2, 15, 16, 17, 31, 64, 192, 768, 1000}) {
    // A mean far from zero, as a residual stream has.
    for (const float offset : {0.0f, 50.0f}) {
      std::vector<float> x = RandomFloats(n);
      for (float& value : x) value += offset;
      const std::vector<float> weight = RandomFloats(n), bias = RandomFloats(n);
      for (const Case& norm : Cases()) {
        std::vector<float> actual(n + 1, 7.0f), expected(n);
        NormArgs args = {.x = x.data(),
                         .n = n,
                         .weight = weight.data(),
                         .bias = norm.has_bias ? bias.data() : nullptr,
                         .epsilon = 1e-5f,
                         .out = actual.data()};
        norm.kernel(args);
        EXPECT_EQ(actual[n], 7.0f) << "wrote past the end";
        actual.pop_back();
        args.out = expected.data();
        norm.reference(args);
        EXPECT_THAT(actual, testing::Pointwise(testing::FloatNear(3e-5f), expected))
            << norm.name << " n " << n;
      }
    }
  }
}

TEST_P(NormTest, MakesNoNumberOfARowThatIsNotFinite) {
  const auto expect_none = [&](const std::vector<float>& x, float bad) {
    const int n = static_cast<int>(x.size());
    const std::vector<float> weight = RandomFloats(n), bias = RandomFloats(n);
    for (const Case& norm : Cases()) {
      std::vector<float> y(n);
      norm.kernel({.x = x.data(),
                   .n = n,
                   .weight = weight.data(),
                   .bias = norm.has_bias ? bias.data() : nullptr,
                   .epsilon = 1e-5f,
                   .out = y.data()});
      for (const float value : y) {
        EXPECT_FALSE(std::isfinite(value)) << norm.name << " " << bad << " among " << n;
      }
    }
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

TEST_P(NormTest, WorksInPlace) {
  const int n = 77;
  const std::vector<float> weight = RandomFloats(n), bias = RandomFloats(n);
  for (const Case& norm : Cases()) {
    std::vector<float> x = RandomFloats(n), apart(n);
    NormArgs args = {.x = x.data(),
                     .n = n,
                     .weight = weight.data(),
                     .bias = norm.has_bias ? bias.data() : nullptr,
                     .epsilon = 1e-12f,
                     .out = apart.data()};
    norm.kernel(args);
    args.out = x.data();
    norm.kernel(args);
    EXPECT_EQ(x, apart) << norm.name;
  }
}

CHORUS_FOR_ALL_KERNELS(NormTest);

}  // namespace
}  // namespace chorus::runner
