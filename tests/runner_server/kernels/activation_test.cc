#include "runner_server/kernels/activation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "runner_server/kernels/reference_kernels.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus::runner {
namespace {

using ActivationTest = KernelTest;

// Each once.
std::set<Activation> AllActivations() {
  std::set<Activation> all;
  for (const ActivationName& row : kActivationNames) all.insert(row.activation);
  return all;
}

TEST_P(ActivationTest, IsWithinOneMillionthOfTheTruth) {
  std::vector<float> x;
  for (int i = -120'000; i <= 120'000; ++i) x.push_back(static_cast<float>(i) * 1e-4f);
  for (const float extreme : {1e-30f, 30.0f, 100.0f, 1e4f, 1e18f}) {
    x.push_back(extreme);
    x.push_back(-extreme);
  }
  for (const Activation activation : AllActivations()) {
    std::vector<float> y = x;
    kernels().activate(activation, y.data(), static_cast<int>(y.size()));
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double expected = ReferenceActivation(activation, x[i]);
      // Relative where it is large, absolute where it is small.
      worst = std::max(worst, std::abs(y[i] - expected) / std::max(1.0, std::abs(expected)));
    }
    EXPECT_LE(worst, 1e-6) << "activation " << static_cast<int>(activation);
    RecordProperty("worst_" + std::to_string(static_cast<int>(activation)), std::to_string(worst));
  }
}

TEST_P(ActivationTest, MakesNoNumberOfWhatIsNotFinite) {
  for (const Activation activation : AllActivations()) {
    for (const float bad : kNotFinite) {
      for (int place = 0; place < 20; ++place) {
        std::vector<float> x(20, 0.5f), clean = x;
        x[place] = bad;
        kernels().activate(activation, x.data(), 20);
        kernels().activate(activation, clean.data(), 20);
        EXPECT_FALSE(std::isfinite(x[place])) << static_cast<int>(activation) << " of " << bad;
        x[place] = clean[place];
        EXPECT_EQ(x, clean);
      }
      EXPECT_FALSE(std::isfinite(ReferenceActivation(activation, bad)));
    }
  }
}

TEST_P(ActivationTest, KeepsTheBitsOfZeros) {
  for (const Activation activation : {Activation::kRelu, Activation::kTanh}) {
    std::vector<float> x = {0.0f, -0.0f, activation == Activation::kRelu ? -1.0f : 0.0f};
    kernels().activate(activation, x.data(), 3);
    for (const float value : x) {
      EXPECT_EQ(value, 0);
      EXPECT_FALSE(std::signbit(value));
    }
  }
}

TEST_P(ActivationTest, TouchesOnlyItsElements) {
  for (int n = 0; n <= 40; ++n) {
    std::vector<float> x(n, -1.0f);
    x.push_back(-7.0f);
    kernels().activate(Activation::kRelu, x.data(), n);
    EXPECT_EQ(x.back(), -7.0f);
    x.pop_back();
    EXPECT_THAT(x, testing::Each(0.0f));
  }
}

TEST_P(ActivationTest, SoftCapIsWithinOneMillionthOfTheTruth) {
  for (const float cap : {1.0f, 30.0f, 50.0f}) {
    std::vector<float> x;
    for (int i = -5003; i <= 5003; ++i) x.push_back(static_cast<float>(i) * 0.05f);
    x.push_back(1e30f);
    std::vector<float> y = x;
    y.push_back(7.0f);
    kernels().soft_cap(cap, y.data(), static_cast<int>(x.size()));
    EXPECT_EQ(y.back(), 7.0f) << "wrote past the end";
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(y[i], cap * std::tanh(double{x[i]} / cap), 1e-6 * cap) << x[i];
    }
    for (float bad : kNotFinite) {
      kernels().soft_cap(cap, &bad, 1);
      EXPECT_FALSE(std::isfinite(bad));
    }
  }
}

CHORUS_FOR_ALL_KERNELS(ActivationTest);

}  // namespace
}  // namespace chorus::runner
