#include "runner_server/engine/encoder_stepper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "tests/runner_server/engine/fake_encoder.h"
#include "tests/runner_server/engine/fake_tokenizer.h"
#include "tests/runner_server/engine/recording_observer.h"

namespace chorus::runner {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1000);

class ClassificationStepperTest : public ::testing::Test {
 protected:
  using Reply = std::optional<absl::StatusOr<runner::v1::ClassifyResponse>>;

  void Make(const MicroBatcher::Options& options) {
    auto model = std::make_unique<FakeEncoder>();
    model_ = model.get();
    stepper_ =
        *ClassificationStepper::Create(std::move(model), tokenizer_, observer_, {.batch = options});
  }

  void Add(std::vector<std::vector<int32_t>> rows, Reply& reply,
           absl::Time deadline = absl::InfiniteFuture(), std::stop_token stop = {},
           absl::Time arrived_at = absl::InfiniteFuture()) {
    std::vector<int> text_tokens;
    for (const auto& row : rows) text_tokens.push_back(static_cast<int>(row.size()) + 1);
    TextCall call;
    for (std::vector<int32_t>& row : rows) call.rows.push_back({.ids = std::move(row)});
    call.deadline = deadline;
    call.stop = std::move(stop);
    stepper_->Add({std::move(call),
                   std::move(text_tokens),
                   {.on_done =
                        [&reply](absl::StatusOr<runner::v1::ClassifyResponse> response) {
                          EXPECT_FALSE(reply.has_value()) << "ended twice";
                          reply = std::move(response);
                        }},
                   arrived_at,
                   {}});
  }

  // That `results` are what the fake says of the rows.
  static void ExpectResults(const Reply& reply, const std::vector<std::vector<int32_t>>& rows) {
    ASSERT_TRUE(reply.has_value() && reply->ok());
    const runner::v1::ClassifyResponse& response = **reply;
    ASSERT_EQ(response.results_size(), std::ssize(rows));
    for (size_t i = 0; i < rows.size(); ++i) {
      const double length = std::exp(static_cast<float>(rows[i].size()) / 10);
      const double sum =
          std::exp(static_cast<float>(std::accumulate(rows[i].begin(), rows[i].end(), 0)) / 10);
      const runner::v1::Classification& result = response.results(static_cast<int>(i));
      EXPECT_THAT(result.scores(), ElementsAre(DoubleNear(length / (length + sum), 1e-6),
                                               DoubleNear(sum / (length + sum), 1e-6)));
      EXPECT_EQ(result.num_tokens(), rows[i].size());
      EXPECT_EQ(result.text_tokens(), rows[i].size() + 1);
    }
  }

  FakeTokenizer tokenizer_;
  RecordingObserver observer_;
  FakeEncoder* model_ = nullptr;  // The stepper's.
  std::unique_ptr<ClassificationStepper> stepper_;
};

TEST_F(ClassificationStepperTest, BatchesRowsOfSeveralCalls) {
  Make({.max_batch_tokens = 100});
  const std::vector<std::vector<int32_t>> first = {{1, 2, 3, 4}, {5}}, second = {{6, 7}};
  Reply first_reply, second_reply;
  Add(first, first_reply);
  Add(second, second_reply);
  stepper_->Step(kNow);
  ExpectResults(first_reply, first);
  ExpectResults(second_reply, second);
  EXPECT_THAT(model_->batch_sizes, ElementsAre(3));
  ASSERT_EQ(observer_.steps.size(), 1u);
  EXPECT_EQ(observer_.steps[0].num_rows, 3);
  EXPECT_EQ(observer_.steps[0].num_tokens, 7);
  EXPECT_FALSE(stepper_->HasWork());
}

TEST_F(ClassificationStepperTest, EndsACallWhenItsLastRowIsDone) {
  Make({.max_batch_tokens = 4});
  const std::vector<std::vector<int32_t>> rows = {{1, 2, 3}, {4, 5, 6}, {7}};
  Reply reply;
  Add(rows, reply);
  stepper_->Step(kNow);
  EXPECT_FALSE(reply.has_value());
  stepper_->Step(kNow);
  ExpectResults(reply, rows);
  EXPECT_THAT(model_->batch_sizes, ElementsAre(1, 2));
}

TEST_F(ClassificationStepperTest, TellsACallItsTimesAndCompany) {
  Make({.max_batch_tokens = 4});
  std::vector<absl::Time> passes;
  model_->before_forward = [&] { passes.push_back(absl::Now()); };
  const absl::Time arrived_at = absl::Now() - absl::Seconds(10);
  Reply first, second;
  Add({{1, 2}}, first, absl::InfiniteFuture(), {}, arrived_at);
  Add({{3, 4}, {5, 6, 7}}, second, absl::InfiniteFuture(), {}, arrived_at);
  while (stepper_->HasWork()) stepper_->Step(kNow);
  const absl::Time end = absl::Now();
  EXPECT_THAT(model_->batch_sizes, ElementsAre(2, 1));
  const runner::v1::ClassifyResponse& response = **second;
  const double end_seconds = response.queue_seconds() + response.compute_seconds();
  EXPECT_EQ(response.max_batch_size(), 2u);
  EXPECT_GE(response.queue_seconds(), 10);
  EXPECT_LE(response.queue_seconds(), absl::ToDoubleSeconds(passes[0] - arrived_at));
  EXPECT_GE(end_seconds, absl::ToDoubleSeconds(passes[1] - arrived_at));
  EXPECT_LE(end_seconds, absl::ToDoubleSeconds(end - arrived_at));
}

TEST_F(ClassificationStepperTest, LogitsThatAreNotFiniteEndTheirCallAlone) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (const int label : {0, 1}) {
      Make({.max_batch_tokens = 100});
      const int before = observer_.num_not_finite;
      Reply first, harmed, alone, last;
      Add({{1, 2}}, first);
      Add({{3}, {4}, {5}}, harmed);
      Add({{6}}, alone);
      Add({{7}}, last);
      model_->change_values = [&](std::span<const int32_t> row, std::span<float> values) {
        if (row[0] == 4 || row[0] == 6) values[label] = bad;
      };
      stepper_->Step(kNow);
      ExpectResults(first, {{1, 2}});
      ExpectResults(last, {{7}});
      ASSERT_TRUE(harmed.has_value() && alone.has_value());
      EXPECT_EQ(harmed->status().code(), absl::StatusCode::kInternal);
      EXPECT_THAT(std::string(harmed->status().message()),
                  StartsWith("texts[1]: the model computed a logit that is not finite"));
      EXPECT_THAT(std::string(alone->status().message()),
                  StartsWith("the model computed a logit that is not finite"));
      EXPECT_EQ(observer_.num_not_finite - before, 2);
      EXPECT_FALSE(stepper_->HasWork());
    }
  }
}

// Its other rows are not computed for nobody.
TEST_F(ClassificationStepperTest, ACallThatHasFailedLeavesTheQueue) {
  Make({.max_batch_tokens = 2});
  Reply reply;
  Add({{1}, {2}, {3}, {4}}, reply);
  model_->change_values = [](std::span<const int32_t>, std::span<float> values) {
    values[0] = NAN;
  };
  stepper_->Step(kNow);
  ASSERT_TRUE(reply.has_value());
  EXPECT_FALSE(reply->ok());
  EXPECT_FALSE(stepper_->HasWork());
}

TEST_F(ClassificationStepperTest, EndsWhatNobodyWaitsFor) {
  Make({.max_batch_tokens = 3});
  std::stop_source stop;
  Reply cancelled, expired;
  Add({{1, 2}, {3, 4}}, cancelled, absl::InfiniteFuture(), stop.get_token());
  stepper_->Step(kNow);
  stop.request_stop();
  Add({{5}}, expired, kNow);
  stepper_->Step(kNow);
  EXPECT_EQ(cancelled->status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(expired->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(model_->batch_sizes, ElementsAre(1));
  EXPECT_THAT(observer_.rejected, ElementsAre(RejectReason::kDeadline));
}

TEST_F(ClassificationStepperTest, SurvivesAModelThatThrows) {
  Make({.max_batch_tokens = 4});
  Reply failed, spared;
  Add({{1, 2}, {3, 4}, {5, 6}}, failed);  // Two rows in the batch, one waiting.
  model_->before_forward = [] { throw std::bad_alloc(); };
  stepper_->Step(kNow);
  model_->before_forward = nullptr;
  EXPECT_EQ(failed->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(observer_.errors, ElementsAre("out of memory"));
  Add({{7}}, spared);
  while (stepper_->HasWork()) stepper_->Step(kNow);
  ExpectResults(spared, {{7}});
}

TEST_F(ClassificationStepperTest, FailAllEndsEverything) {
  Make({.max_batch_tokens = 2});
  Reply begun, waiting;
  Add({{1, 2}, {3, 4}}, begun);
  stepper_->Step(kNow);
  Add({{5}}, waiting);
  stepper_->FailAll(absl::UnavailableError("bye"));
  EXPECT_EQ(begun->status(), absl::UnavailableError("bye"));
  EXPECT_EQ(waiting->status(), absl::UnavailableError("bye"));
  EXPECT_FALSE(stepper_->HasWork());
}

}  // namespace
}  // namespace chorus::runner
