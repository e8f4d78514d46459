#include "api_server/protocols/fan_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace chorus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Calls that wait until the test ends them.
class FanOutTest : public ::testing::Test {
 protected:
  void Start(int num_calls, int most_at_once) {
    FanOut(
        num_calls, most_at_once, source_.get_token(),
        [this](int index, std::stop_token stop, CallDone done) -> absl::Status {
          if (refused_ == index) return absl::InvalidArgumentError("refused");
          running_[index] = std::move(done);
          stops_[index] = std::move(stop);
          return absl::OkStatus();
        },
        [this](absl::Status status) {
          EXPECT_FALSE(end_.has_value()) << "ended twice";
          end_ = std::move(status);
        });
  }
  void End(int index, absl::Status status = absl::OkStatus()) {
    auto done = std::move(running_.extract(index).mapped());
    std::move(done)(std::move(status));
  }
  std::vector<int> Running() const {
    std::vector<int> indexes;
    for (const auto& [index, done] : running_) indexes.push_back(index);
    return indexes;
  }

  std::stop_source source_;
  int refused_ = -1;
  std::map<int, CallDone> running_;
  std::map<int, std::stop_token> stops_;
  std::optional<absl::Status> end_;
};

TEST_F(FanOutTest, RunsAtMostSoManyAtOnce) {
  Start(5, 2);
  EXPECT_THAT(Running(), ElementsAre(0, 1));
  End(1);
  EXPECT_THAT(Running(), ElementsAre(0, 2));
  End(2);
  End(3);
  EXPECT_THAT(Running(), ElementsAre(0, 4));
  End(4);
  EXPECT_FALSE(end_.has_value());
  End(0);
  EXPECT_EQ(end_, absl::OkStatus());
}

TEST_F(FanOutTest, TheFirstErrorStopsTheOthersAndIsTheirs) {
  Start(5, 3);
  End(1, absl::InternalError("first"));
  EXPECT_THAT(Running(), ElementsAre(0, 2));
  EXPECT_TRUE(stops_[0].stop_requested());
  EXPECT_FALSE(end_.has_value());
  End(0, absl::CancelledError("second"));
  End(2);
  EXPECT_EQ(end_, absl::InternalError("first"));
}

TEST_F(FanOutTest, ACallThatCannotBeginIsAnError) {
  refused_ = 1;
  Start(3, 3);
  EXPECT_THAT(Running(), ElementsAre(0));
  EXPECT_TRUE(stops_[0].stop_requested());
  End(0);
  EXPECT_EQ(end_, absl::InvalidArgumentError("refused"));
  end_.reset();
  refused_ = 0;
  Start(1, 1);
  EXPECT_EQ(end_, absl::InvalidArgumentError("refused"));
}

TEST_F(FanOutTest, AStopOfTheWholeIsTheCalls) {
  Start(3, 1);
  source_.request_stop();
  EXPECT_TRUE(stops_[0].stop_requested());
  End(0, absl::CancelledError());
  EXPECT_THAT(Running(), IsEmpty());
  EXPECT_EQ(end_, absl::CancelledError());
}

}  // namespace
}  // namespace chorus::gateway
