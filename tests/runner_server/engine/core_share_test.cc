#include "runner_server/engine/core_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace chorus {
namespace {

TEST(CoreShare, DealsTheCoresOut) {
  const struct {
    int num_cores;
    std::vector<int> shares;  // Of the busy ones, by rank.
  } kCases[] = {{1, {1}},          {2, {2}},    {16, {16}},     {1, {1, 1, 1}}, {2, {1, 1}},
                {2, {1, 1, 1, 1}}, {3, {2, 1}}, {4, {2, 1, 1}}, {8, {3, 3, 2}}, {16, {4, 4, 4, 4}}};
  for (const auto& c : kCases) {
    std::vector<int> shares;
    const int num_busy = static_cast<int>(c.shares.size());
    for (int rank = 0; rank < num_busy; ++rank) {
      shares.push_back(CoreShare(c.num_cores, num_busy, rank));
    }
    EXPECT_EQ(shares, c.shares) << c.num_cores << " cores, " << num_busy << " busy";
  }
}

}  // namespace
}  // namespace chorus
