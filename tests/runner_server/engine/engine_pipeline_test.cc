#include "runner_server/engine/engine_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/model_store/temp_directory.h"

namespace chorus {
namespace {

using ::testing::ElementsAre;

// Ends an arrival a step and tells on how many threads, 0 if nobody said.
class FakeStepper {
 public:
  using Arrival = int;

  explicit FakeStepper(std::vector<int>& threads_of_steps) : threads_of_steps_(threads_of_steps) {}

  void Add(Arrival) { ++num_waiting_; }
  bool HasWork() const { return num_waiting_ > 0; }
  void set_num_threads(int num_threads) { num_threads_ = num_threads; }
  void Step(absl::Time) {
    --num_waiting_;
    threads_of_steps_.push_back(num_threads_);
  }
  void FailAll(const absl::Status&) { num_waiting_ = 0; }

 private:
  std::vector<int>& threads_of_steps_;
  int num_waiting_ = 0;
  int num_threads_ = 0;
};

class EnginePipelineTest : public ::testing::Test {
 protected:
  // The threads of the steps of two requests.
  std::vector<int> RunTwo(CoreLease* core_lease) {
    std::vector<int> threads_of_steps;
    EnginePipeline<int, FakeStepper> pipeline(
        std::make_unique<FakeStepper>(threads_of_steps),
        [](int request) -> std::optional<int> { return request; }, core_lease);
    for (int request : {1, 2}) EXPECT_TRUE(pipeline.TryPush(request));
    pipeline.Drain(absl::InfiniteFuture());
    pipeline.Join();
    return threads_of_steps;
  }
};

TEST_F(EnginePipelineTest, LeavesTheThreadsAsTheyAreWithoutALease) {
  EXPECT_THAT(RunTwo(nullptr), ElementsAre(0, 0));
}

TEST_F(EnginePipelineTest, StepsOnAsManyThreadsAsTheLeaseSays) {
  const TempDirectory directory;
  const std::filesystem::path file = directory / "cores";
  PutFile(file, std::string(2 * CoreLease::kSlotBytes, '\0'));
  const auto mine = *CoreLease::Open({.file = file, .slot = 0, .num_cores = 4});
  EXPECT_THAT(RunTwo(mine.get()), ElementsAre(4, 4));

  const auto other = *CoreLease::Open({.file = file, .slot = 1, .num_cores = 4});
  EXPECT_EQ(other->BeginStep(CoreLease::Clock::now() + CoreLease::kLinger), 4);
  EXPECT_THAT(RunTwo(mine.get()), ElementsAre(2, 2));
}

}  // namespace
}  // namespace chorus
