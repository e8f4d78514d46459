#include "runner_server/kernels/packed_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/linear.h"

namespace chorus::runner {
namespace {

// Within bf16's 8 bits, so that every element tells, in every precision, where it came from.
float Element(int out, int in) { return static_cast<float>((out * 37 + in * 11) % 101 - 50); }

PackedMatrix Make(Precision precision, int out, int in, bool stored_as_rows, ThreadPool& pool) {
  std::vector<float> stored;
  for (int a = 0; a < (stored_as_rows ? out : in); ++a) {
    for (int b = 0; b < (stored_as_rows ? in : out); ++b) {
      stored.push_back(stored_as_rows ? Element(a, b) : Element(b, a));
    }
  }
  const auto read = [&stored](size_t first, size_t count, float* values) {
    ASSERT_LE(first + count, stored.size());
    std::copy_n(stored.begin() + static_cast<ptrdiff_t>(first), count, values);
  };
  return (stored_as_rows ? PackedMatrix::FromRows(precision, out, in, read, pool)
                         : PackedMatrix::FromColumns(precision, out, in, read, pool))
      .value();
}

// Element [o][i] as it lies in the panels, without its scale.
float Packed(const PackedMatrix& matrix, int o, int i) {
  const int per_lane = WeightsPerLane(matrix.precision());
  const size_t steps = (matrix.in() + per_lane - 1) / per_lane;
  const size_t lane =
      (o / kPanelColumns * steps + i / per_lane) * kPanelColumns + o % kPanelColumns;
  const size_t place = lane * per_lane + i % per_lane;
  switch (matrix.precision()) {
    case Precision::kFloat32:
      return static_cast<const float*>(matrix.panels())[place];
    case Precision::kBfloat16:
      return Bfloat16ToFloat(static_cast<const uint16_t*>(matrix.panels())[place]);
    default:
      return static_cast<const int8_t*>(matrix.panels())[place];
  }
}

class PackedMatrixTest : public testing::TestWithParam<Precision> {};

TEST_P(PackedMatrixTest, HasTheSamePanelsFromRowsAndColumns) {
  ThreadPool pool(2);
  for (const auto& [out, in] : {std::pair{1, 1}, {16, 3}, {63, 5}, {64, 20}, {65, 7}, {200, 33}}) {
    for (const bool stored_as_rows : {false, true}) {
      const PackedMatrix matrix = Make(GetParam(), out, in, stored_as_rows, pool);
      EXPECT_EQ(matrix.out(), out);
      EXPECT_EQ(matrix.in(), in);
      const int per_lane = WeightsPerLane(GetParam());
      for (int o = 0; o < GemmPanels(out) * kPanelColumns; ++o) {
        float sum = 0;
        for (int i = 0; i < (in + per_lane - 1) / per_lane * per_lane; ++i) {
          const float packed = Packed(matrix, o, i);
          sum += packed;
          const float scale = matrix.column_scales() == nullptr ? 1 : matrix.column_scales()[o];
          const float expected = o < out && i < in ? Element(o, i) : 0;
          ASSERT_NEAR(packed * scale, expected, scale == 1 ? 0 : scale * 0.51f) << o << ", " << i;
        }
        if (matrix.column_sums() != nullptr) {
          ASSERT_EQ(matrix.column_sums()[o], sum);
        }
      }
    }
  }
}

TEST_P(PackedMatrixTest, CopiesARowOut) {
  ThreadPool pool(1);
  const PackedMatrix matrix = Make(GetParam(), 130, 9, true, pool);
  for (const int index : {0, 63, 64, 129}) {
    std::vector<float> row(9);
    matrix.CopyRow(index, row.data());
    for (int i = 0; i < 9; ++i) {
      EXPECT_NEAR(row[i], Element(index, i), WeightBytes(GetParam()) == 1 ? 0.4 : 0);
    }
  }
}

TEST_P(PackedMatrixTest, GivesALinearTheSameBitsWithAnyNumberOfThreads) {
  LinearContext one(1), three(3);
  for (const int in : {32, 33}) {
    const Linear linear = {.weight = Make(GetParam(), 200, in, true, one.pool()),
                           .bias = std::vector<float>(200, 0.5f)};
    std::vector<float> x(7 * in), alone(7 * 200), shared(7 * 200);
    for (size_t i = 0; i < x.size(); ++i) x[i] = 1.0f / static_cast<float>(i + 1);
    one.Apply(linear, x.data(), 7, alone.data(), Activation::kTanh);
    three.Apply(linear, x.data(), 7, shared.data(), Activation::kTanh);
    EXPECT_EQ(shared, alone);
    // The input of one row leaves nothing behind for the next.
    for (int row = 6; row >= 0; --row) {
      std::vector<float> single(200);
      one.Apply(linear, &x[row * in], 1, single.data(), Activation::kTanh);
      EXPECT_TRUE(std::equal(single.begin(), single.end(), alone.begin() + row * 200));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, PackedMatrixTest, testing::ValuesIn(kPrecisions),
                         [](const auto& info) {
                           return "Case" + std::to_string(static_cast<int>(info.param));
                         });

TEST(PackedInt8Test, BoundsPairsForKernelsThatSaturate) {
  KernelTable kernels = Kernels();
  ThreadPool pool(1);
  constexpr int kOut = 70, kIn = 333;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> weights(kOut * kIn);
  for (float& weight : weights) weight = normal(random);
  weights[2 * kIn + 9] = 100;   // Outliers: alone,
  weights[3 * kIn + 10] = 100;  // as both of a pair,
  weights[3 * kIn + 11] = -100;
  weights[4 * kIn + kIn - 1] = 100;  // and in the pair of one.
  for (const bool saturates : {false, true}) {
    kernels.saturates_pairs = saturates;
    const PackedMatrix matrix =
        PackedMatrix::FromRows(
            Precision::kInt8, kOut, kIn,
            [&](size_t first, size_t count, float* to) {
              std::copy_n(weights.begin() + static_cast<ptrdiff_t>(first), count, to);
            },
            pool, kernels)
            .value();
    for (int o = 0; o < kOut; ++o) {
      float largest = 0, largest_pair = 0;
      for (int i = 0; i < kIn; ++i) {
        const float weight = std::abs(Packed(matrix, o, i));
        const float next = i + 1 < kIn ? std::abs(Packed(matrix, o, i + 1)) : 0;
        largest = std::max(largest, weight);
        if (i % 2 == 0) largest_pair = std::max(largest_pair, weight + next);
        EXPECT_NEAR(Packed(matrix, o, i) * matrix.column_scales()[o], weights[o * kIn + i],
                    matrix.column_scales()[o] * 0.501f);
      }
      if (saturates) {
        EXPECT_LE(largest_pair, 128);
        EXPECT_GE(largest_pair, 126);
      } else {
        EXPECT_EQ(largest, 127);
      }
    }
  }
}

// A column of zeros divides by nothing.
TEST(PackedInt8Test, KeepsAColumnOfZeros) {
  ThreadPool pool(1);
  const PackedMatrix matrix = PackedMatrix::FromRows(
                                  Precision::kInt8, 2, 3,
                                  [](size_t first, size_t count, float* out) {
                                    for (size_t i = 0; i < count; ++i)
                                      out[i] = first + i < 3 ? 0 : 5;
                                  },
                                  pool)
                                  .value();
  std::vector<float> row(3);
  matrix.CopyRow(0, row.data());
  EXPECT_THAT(row, testing::Each(0));
  matrix.CopyRow(1, row.data());
  EXPECT_THAT(row, testing::Each(testing::FloatNear(5, 0.05f)));
}

}  // namespace
}  // namespace chorus::runner
