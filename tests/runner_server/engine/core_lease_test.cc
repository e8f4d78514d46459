#include "runner_server/engine/core_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/base/temp_directory.h"

namespace chorus::runner {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr CoreLease::Clock::time_point kStart{std::chrono::hours(1)};

class CoreLeaseTest : public ::testing::Test {
 protected:
  CoreLeaseTest() { PutFile(file_, std::string(3 * CoreLease::kSlotBytes, '\0')); }

  absl::StatusOr<std::unique_ptr<CoreLease>> Open(int slot, int num_cores = 4) {
    return CoreLease::Open({.file = file_, .slot = slot, .num_cores = num_cores});
  }

  const TempDirectory directory_;
  const std::filesystem::path file_ = directory_ / "cores";
};

TEST_F(CoreLeaseTest, OneAloneHasAllCores) {
  const auto lease = *Open(1);
  EXPECT_EQ(lease->BeginStep(kStart), 4);
  lease->EndStep(kStart);
  EXPECT_EQ(lease->BeginStep(kStart), 4);
}

TEST_F(CoreLeaseTest, SharesWithWhoComputes) {
  const auto first = *Open(0), second = *Open(1), third = *Open(2);
  EXPECT_EQ(second->BeginStep(kStart), 4);
  EXPECT_EQ(first->BeginStep(kStart), 2);
  EXPECT_EQ(third->BeginStep(kStart), 1);
  first->EndStep(kStart);
  EXPECT_EQ(first->BeginStep(kStart), 2);  // 4 among 3: the first has the odd one.
}

TEST_F(CoreLeaseTest, OneIsBusyAllThroughAStepAndAMomentAfterIt) {
  const auto first = *Open(0), second = *Open(1);
  first->BeginStep(kStart);
  const auto end = kStart + std::chrono::seconds(1);
  EXPECT_EQ(second->BeginStep(end), 2);
  first->EndStep(end);
  EXPECT_EQ(second->BeginStep(end + CoreLease::kLinger - std::chrono::nanoseconds(1)), 2);
  EXPECT_EQ(second->BeginStep(end + CoreLease::kLinger), 4);
}

TEST_F(CoreLeaseTest, OneThatDiedInAStepIsNotBusyForEver) {
  const auto first = *Open(0), second = *Open(1);
  first->BeginStep(kStart);
  EXPECT_EQ(second->BeginStep(kStart + CoreLease::kLongestStep), 4);
}

TEST_F(CoreLeaseTest, OneThatEndsIsNotBusy) {
  auto first = *Open(0);
  const auto second = *Open(1);
  first->BeginStep(kStart);
  first.reset();
  EXPECT_EQ(second->BeginStep(kStart), 4);
}

TEST_F(CoreLeaseTest, RefusesASlotThatTheFileDoesNotHave) {
  for (const int slot : {-1, 3}) {
    const absl::Status status = Open(slot).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr(file_.native()), HasSubstr("which has 3: " + std::to_string(slot))));
  }
  PutFile(file_, "");
  EXPECT_EQ(Open(0).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CoreLeaseTest, SaysWhichFileIsMissing) {
  const absl::Status status = CoreLease::Open({.file = directory_ / "none"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr((directory_ / "none").native()));
}

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
}  // namespace chorus::runner
