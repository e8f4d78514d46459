#include "runner_server/config/cpu_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string_view>
#include <thread>
#include <vector>

namespace chorus {
namespace {

TEST(CoresOfCpuMax, UnderstandsTheFile) {
  struct Case {
    std::string_view text;
    std::optional<int> cores;
  };
  for (const Case& c : std::vector<Case>{{"200000 100000\n", 2},
                                         {"150000 100000\n", 1},
                                         {"50000 100000\n", 1},
                                         {"800000 50000", 16},
                                         {"max 100000\n", std::nullopt},
                                         {"", std::nullopt},
                                         {"100000", std::nullopt},
                                         {"-5 100000", std::nullopt},
                                         {"5 0", std::nullopt},
                                         {"a b", std::nullopt}}) {
    EXPECT_EQ(CoresOfCpuMax(c.text), c.cores) << c.text;
  }
}

TEST(AvailableCores, IsAtLeastOneAndAtMostTheMachines) {
  EXPECT_GE(AvailableCores(), 1);
  EXPECT_LE(AvailableCores(), static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace chorus
