#include "runner_server/kernels/gemm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "runner_server/kernels/reference_kernels.h"
#include "tests/runner_server/kernels/kernel_test.h"

namespace chorus {
namespace {

using GemmTest = KernelTest;

std::vector<float> Pack(const std::vector<float>& weight, int n, int k) {
  std::vector<float> panels(static_cast<size_t>(GemmPanels(n)) * k * kPanelColumns);
  for (int column = 0; column < n; ++column) {
    for (int i = 0; i < k; ++i) {
      panels[(static_cast<size_t>(column / kPanelColumns) * k + i) * kPanelColumns +
             column % kPanelColumns] = weight[static_cast<size_t>(column) * k + i];
    }
  }
  return panels;
}

// A chain of k products of standard normals: sums of about the root of k, rounded k times.
void ExpectClose(const std::vector<float>& actual, const std::vector<float>& expected, int k) {
  const double tolerance = 1e-6 + 6e-8 * k;
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
  }
}

TEST_P(GemmTest, EqualsReferenceOverOddShapes) {
  constexpr float kUntouched = 12345;
  for (const int m : {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 16, 19, 25, 32, 33, 96, 97, 200}) {
    for (const auto& [n, k] : {std::pair{1, 1},
                               {15, 3},
                               {16, 64},
                               {63, 31},
                               {64, 17},
                               {65, 129},
                               {130, 33},
                               {197, 70}}) {
      const std::vector<float> a = RandomFloats(static_cast<size_t>(m) * (k + 3));
      const std::vector<float> panels = Pack(RandomFloats(static_cast<size_t>(n) * k), n, k);
      const std::vector<float> bias = RandomFloats(n);
      const int stride = n + 5;
      std::vector<float> residual = RandomFloats(static_cast<size_t>(m) * stride);
      std::vector<float> c(residual.size(), kUntouched), expected = c;
      GemmArgs args = {.a = a.data(),
                       .a_stride = k + 3,
                       .panels = panels.data(),
                       .m = m,
                       .n = n,
                       .k = k,
                       .bias = bias.data(),
                       .residual = residual.data(),
                       .c = c.data(),
                       .c_stride = stride};
      for (const Activation activation : {Activation::kNone, Activation::kGeluTanh}) {
        args.activation = activation;
        args.c = c.data();
        kernels().gemm(args, 0, GemmItems(m, n));
        args.c = expected.data();
        ReferenceGemm(args);
        SCOPED_TRACE(testing::Message() << "m " << m << " n " << n << " k " << k);
        ExpectClose(c, expected, k);  // The columns past n too: nothing may touch them.
      }
    }
  }
}

TEST_P(GemmTest, EqualsReferenceWhenKNeedsSeveralBlocks) {
  for (const int k : {1023, 1024, 1025, 3072}) {
    const int m = 7, n = 70;
    const std::vector<float> a = RandomFloats(static_cast<size_t>(m) * k);
    const std::vector<float> panels = Pack(RandomFloats(static_cast<size_t>(n) * k), n, k);
    std::vector<float> c(m * n), expected(m * n);
    GemmArgs args = {.a = a.data(),
                     .a_stride = k,
                     .panels = panels.data(),
                     .m = m,
                     .n = n,
                     .k = k,
                     .c = c.data(),
                     .c_stride = n};
    kernels().gemm(args, 0, GemmItems(m, n));
    args.c = expected.data();
    ReferenceGemm(args);
    ExpectClose(c, expected, k);
  }
}

TEST_P(GemmTest, AddsToItsOwnOutput) {
  const int m = 5, n = 67, k = 1100;
  const std::vector<float> a = RandomFloats(m * k);
  const std::vector<float> panels = Pack(RandomFloats(n * k), n, k);
  std::vector<float> c = RandomFloats(m * n), apart(m * n);
  const std::vector<float> before = c;
  GemmArgs args = {.a = a.data(),
                   .a_stride = k,
                   .panels = panels.data(),
                   .m = m,
                   .n = n,
                   .k = k,
                   .residual = before.data(),
                   .c = apart.data(),
                   .c_stride = n};
  kernels().gemm(args, 0, GemmItems(m, n));
  args.residual = args.c = c.data();
  kernels().gemm(args, 0, GemmItems(m, n));
  EXPECT_EQ(c, apart);
}

// The contract that a batch is nobody's business but the scheduler's.
TEST_P(GemmTest, GivesARowTheSameBitsInAnyCompany) {
  const int n = 130, k = 1500, most = 200;
  const std::vector<float> a = RandomFloats(most * k);
  const std::vector<float> panels = Pack(RandomFloats(n * k), n, k);
  const std::vector<float> bias = RandomFloats(n);
  std::vector<float> together(most * n);
  GemmArgs args = {.a = a.data(),
                   .a_stride = k,
                   .panels = panels.data(),
                   .m = most,
                   .n = n,
                   .k = k,
                   .bias = bias.data(),
                   .activation = Activation::kGeluErf,
                   .c = together.data(),
                   .c_stride = n};
  kernels().gemm(args, 0, GemmItems(most, n));
  for (int m = 1; m <= 33; ++m) {
    std::vector<float> fewer(m * n);
    args.a = a.data() + (most - m) * k;
    args.m = m;
    args.c = fewer.data();
    kernels().gemm(args, 0, GemmItems(m, n));
    ASSERT_TRUE(std::equal(fewer.begin(), fewer.end(), together.end() - m * n)) << "m " << m;
  }
}

TEST_P(GemmTest, ItemsTogetherMakeTheWhole) {
  const int m = 97, n = 130, k = 20;
  const std::vector<float> a = RandomFloats(m * k);
  const std::vector<float> panels = Pack(RandomFloats(n * k), n, k);
  std::vector<float> whole(m * n), parts(m * n);
  GemmArgs args = {.a = a.data(),
                   .a_stride = k,
                   .panels = panels.data(),
                   .m = m,
                   .n = n,
                   .k = k,
                   .c = whole.data(),
                   .c_stride = n};
  ASSERT_EQ(GemmItems(m, n), 6);
  kernels().gemm(args, 0, 6);
  args.c = parts.data();
  for (const auto& [first, last] : {std::pair{5, 6}, {0, 2}, {2, 5}}) {
    kernels().gemm(args, first, last);
  }
  EXPECT_EQ(parts, whole);
}

CHORUS_FOR_ALL_KERNELS(GemmTest);

TEST(KernelTableTest, ChoosesTheFirstOfTheSupported) {
  EXPECT_EQ(&Kernels(), SupportedKernels()[0]);
  EXPECT_EQ(AllSupportedKernels().back(), &kPortableKernels);
}

}  // namespace
}  // namespace chorus
