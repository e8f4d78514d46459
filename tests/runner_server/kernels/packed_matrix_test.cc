#include "runner_server/kernels/packed_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "runner_server/kernels/gemm.h"
#include "runner_server/kernels/linear.h"

namespace chorus {
namespace {

// W[o][i] = 1000 o + i, so that every element tells where it came from.
float Element(int out, int in) {
  return 1000.0f * static_cast<float>(out) + static_cast<float>(in);
}

PackedMatrix Make(int out, int in, bool stored_as_rows, ThreadPool& pool) {
  std::vector<float> stored;
  for (int a = 0; a < (stored_as_rows ? out : in); ++a) {
    for (int b = 0; b < (stored_as_rows ? in : out); ++b) {
      stored.push_back(stored_as_rows ? Element(a, b) : Element(b, a));
    }
  }
  const auto read = [&stored](size_t first, size_t count, float* values) {
    ASSERT_LE(first + count, stored.size());
    std::copy_n(stored.begin() + first, count, values);
  };
  return (stored_as_rows ? PackedMatrix::FromRows(out, in, read, pool)
                         : PackedMatrix::FromColumns(out, in, read, pool))
      .value();
}

TEST(PackedMatrixTest, HasTheSamePanelsFromRowsAndColumns) {
  ThreadPool pool(2);
  for (const auto& [out, in] : {std::pair{1, 1}, {16, 3}, {63, 5}, {64, 20}, {65, 7}, {200, 33}}) {
    for (const bool stored_as_rows : {false, true}) {
      const PackedMatrix matrix = Make(out, in, stored_as_rows, pool);
      EXPECT_EQ(matrix.out(), out);
      EXPECT_EQ(matrix.in(), in);
      for (int o = 0; o < GemmPanels(out) * kPanelColumns; ++o) {
        for (int i = 0; i < in; ++i) {
          const size_t place =
              (static_cast<size_t>(o / kPanelColumns) * in + i) * kPanelColumns + o % kPanelColumns;
          ASSERT_EQ(matrix.panels()[place], o < out ? Element(o, i) : 0) << o << ", " << i;
        }
      }
    }
  }
}

TEST(PackedMatrixTest, CopiesARowOut) {
  ThreadPool pool(1);
  const PackedMatrix matrix = Make(130, 9, true, pool);
  for (const int index : {0, 63, 64, 129}) {
    std::vector<float> row(9), expected(9);
    matrix.CopyRow(index, row.data());
    for (int i = 0; i < 9; ++i) expected[i] = Element(index, i);
    EXPECT_EQ(row, expected);
  }
}

TEST(LinearTest, GivesTheSameBitsWithAnyNumberOfThreads) {
  ThreadPool one(1), three(3);
  const Linear linear = {.weight = Make(200, 33, true, one), .bias = std::vector<float>(200, 0.5f)};
  std::vector<float> x(7 * 33), alone(7 * 200), shared(7 * 200);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 1.0f / static_cast<float>(i + 1);
  ApplyLinear(linear, x.data(), 7, alone.data(), one, Activation::kTanh);
  ApplyLinear(linear, x.data(), 7, shared.data(), three, Activation::kTanh);
  EXPECT_EQ(shared, alone);
}

}  // namespace
}  // namespace chorus
