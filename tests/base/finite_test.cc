#include "base/finite.h"

#include <gtest/gtest.h>

#include <vector>

namespace chorus {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(AllFinite, FindsOneAnywhere) {
  for (const size_t size : {1, 3, 4, 15, 16, 17, 1000}) {
    std::vector<float> values(size, -std::numeric_limits<float>::max());
    EXPECT_TRUE(AllFinite(values));
    for (const float bad : {kInfinity, -kInfinity, kNan, -kNan}) {
      for (size_t i = 0; i < size; ++i) {
        std::vector<float> damaged = values;
        damaged[i] = bad;
        EXPECT_FALSE(AllFinite(damaged)) << bad << " at " << i << " of " << size;
      }
    }
  }
  EXPECT_TRUE(AllFinite({}));
}

TEST(CountBeyond, CountsWhatIsLargerEitherWayOrNoNumber) {
  const std::vector<float> values = {0, 2, -2, 2.5, -2.5, kInfinity, -kInfinity, kNan, 1e-40f};
  EXPECT_EQ(CountBeyond(values, 2), 5u);
  EXPECT_EQ(CountBeyond(values, 2.5), 3u);
}

}  // namespace
}  // namespace chorus
