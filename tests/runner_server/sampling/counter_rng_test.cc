#include "runner_server/sampling/counter_rng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace chorus::runner {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Lt;

// The known answers published with the paper's library, Random123.
TEST(Philox4x32, GivesThePublishedAnswers) {
  EXPECT_THAT(Philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(
      Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
      ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(
      Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(UniformAt, IsAFunctionOfItsArguments) {
  EXPECT_EQ(UniformAt(7, 1, 0, 5), UniformAt(7, 1, 0, 5));
  // High halves count too.
  const std::set<double> numbers = {
      UniformAt(7, 1, 0, 5),          UniformAt(8, 1, 0, 5), UniformAt(7 + (1ull << 32), 1, 0, 5),
      UniformAt(7, 2, 0, 5),          UniformAt(7, 1, 0, 6), UniformAt(7, 1, 0, 5 + (1ull << 32)),
      UniformAt(1ull << 63, 1, 0, 5), UniformAt(7, 1, 1, 5), UniformAt(7, 1, 1u << 31, 5),
  };
  EXPECT_EQ(numbers.size(), 9u);
}

// Texts that clients keep by their seed.
TEST(UniformAt, StaysTheSameFromVersionToVersion) {
  EXPECT_EQ(UniformAt(7, 1, 0, 5), 0x1.04c05f6230826p-2);
}

TEST(UniformAt, IsUniform) {
  constexpr int kDraws = 20000;
  constexpr int kBins = 20;
  std::array<int, kBins> bins = {};
  double sum = 0;
  for (int position = 0; position < kDraws; ++position) {
    const double number = UniformAt(42, 3, 0, position);
    ASSERT_THAT(number, AllOf(Ge(0), Lt(1)));
    ++bins[static_cast<size_t>(number * kBins)];
    sum += number;
  }
  EXPECT_THAT(sum / kDraws, DoubleNear(0.5, 0.01));
  double chi_squared = 0;
  for (const int count : bins) {
    const double expected = static_cast<double>(kDraws) / kBins;
    chi_squared += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi_squared, 43.8);  // 19 degrees of freedom, p = 0.001.
}

}  // namespace
}  // namespace chorus::runner
