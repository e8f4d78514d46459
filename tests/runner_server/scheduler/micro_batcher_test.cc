#include "runner_server/scheduler/micro_batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const absl::Time kNow = absl::FromUnixSeconds(1000);

TextCall MakeCall(uint64_t id, const std::vector<int>& lengths) {
  TextCall call;
  call.id = id;
  for (const int length : lengths) {
    call.rows.emplace_back().ids.assign(length, static_cast<int32_t>(id));
  }
  return call;
}

std::vector<std::pair<uint64_t, int>> Rows(const Batch& batch) {
  std::vector<std::pair<uint64_t, int>> rows;
  for (const BatchRow& row : batch.rows) rows.emplace_back(row.call, row.index);
  return rows;
}

TEST(MicroBatcher, RefusesOptionsOutOfRange) {
  EXPECT_EQ(MicroBatcher::Create({.max_batch_tokens = 0}).status().message(),
            "max_batch_tokens must be at least 1: 0");
  EXPECT_EQ(MicroBatcher::Create({.max_batch_rows = 0}).status().message(),
            "max_batch_rows must be at least 1: 0");
}

TEST(MicroBatcher, LetsCallsTakeTurns) {  // The example of the header.
  auto batcher = *MicroBatcher::Create({.max_batch_tokens = 10});
  batcher->Add(MakeCall(1, {4, 4, 4}));
  batcher->Add(MakeCall(2, {2}));
  Batch batch = batcher->Form(kNow);
  EXPECT_THAT(Rows(batch), ElementsAre(Pair(2, 0), Pair(1, 0), Pair(1, 1)));
  EXPECT_EQ(batch.num_tokens, 10);
  EXPECT_EQ(batch.limited_by, StepLimit::kTokens);
  batch = batcher->Form(kNow);
  EXPECT_THAT(Rows(batch), ElementsAre(Pair(1, 2)));
  EXPECT_EQ(batch.limited_by, StepLimit::kNothing);
  EXPECT_FALSE(batcher->HasWork());
}

TEST(MicroBatcher, WorkUnderwayGoesFirstAndStarvesNobody) {
  auto batcher = *MicroBatcher::Create({.max_batch_rows = 2});
  const auto add = [&](uint64_t id, const std::vector<int>& lengths, bool underway) {
    TextCall call = MakeCall(id, lengths);
    call.underway = underway;
    batcher->Add(std::move(call));
  };
  add(1, {1, 1, 1}, false);
  add(2, {2, 2, 2}, true);
  add(3, {3, 3, 3}, true);
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(2, 0), Pair(3, 0)));
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(1, 0), Pair(2, 1)));
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(2, 2), Pair(3, 1)));
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(1, 1), Pair(3, 2)));
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(1, 2)));
  EXPECT_FALSE(batcher->HasWork());
}

TEST(MicroBatcher, DoesNotWaitForCompany) {
  auto batcher = *MicroBatcher::Create({});
  batcher->Add(MakeCall(1, {3}));
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(1, 0)));
}

TEST(MicroBatcher, BoundsRows) {
  auto batcher = *MicroBatcher::Create({.max_batch_rows = 2});
  batcher->Add(MakeCall(1, {1, 1, 1}));
  const Batch batch = batcher->Form(kNow);
  EXPECT_THAT(Rows(batch), ElementsAre(Pair(1, 0), Pair(1, 1)));
  EXPECT_EQ(batch.limited_by, StepLimit::kSlots);
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(1, 2)));
}

TEST(MicroBatcher, RunsARowOverTheBudgetAlone) {
  auto batcher = *MicroBatcher::Create({.max_batch_tokens = 10});
  batcher->Add(MakeCall(1, {3, 30, 3}));
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(1, 0)));
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(1, 1)));
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(1, 2)));
}

TEST(MicroBatcher, SortsABatchByLength) {
  auto batcher = *MicroBatcher::Create({});
  batcher->Add(MakeCall(1, {5, 1, 3, 1}));
  EXPECT_THAT(Rows(batcher->Form(kNow)),
              ElementsAre(Pair(1, 1), Pair(1, 3), Pair(1, 2), Pair(1, 0)));
}

TEST(MicroBatcher, DropsCallsNobodyWaitsFor) {
  auto batcher = *MicroBatcher::Create({.max_batch_rows = 1});
  std::stop_source stop;
  TextCall cancelled = MakeCall(1, {1, 1, 1});
  cancelled.stop = stop.get_token();
  TextCall expired = MakeCall(2, {1});
  expired.deadline = kNow + absl::Seconds(1);
  batcher->Add(std::move(cancelled));
  batcher->Add(std::move(expired));
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(1, 0)));
  stop.request_stop();
  const Batch batch = batcher->Form(kNow + absl::Seconds(1));
  EXPECT_THAT(batch.rows, IsEmpty());
  std::map<uint64_t, absl::StatusCode> dropped;
  for (const DroppedCall& call : batch.dropped) dropped[call.id] = call.status.code();
  EXPECT_THAT(dropped, ElementsAre(Pair(1, absl::StatusCode::kCancelled),
                                   Pair(2, absl::StatusCode::kDeadlineExceeded)));
  EXPECT_FALSE(batcher->HasWork());
}

TEST(MicroBatcher, ReleasesTheTicketRowByRow) {
  QueueBudget budget({});
  auto batcher = *MicroBatcher::Create({.max_batch_tokens = 10});
  TextCall call = MakeCall(1, {4, 6, 7});
  call.ticket = *budget.Enter(3);
  ASSERT_TRUE(call.ticket.AddTokens(17).ok());
  batcher->Add(std::move(call));
  batcher->Form(kNow);
  EXPECT_EQ(budget.usage().sequences, 1);
  EXPECT_EQ(budget.usage().tokens, 7);
  batcher->Form(kNow);
  EXPECT_EQ(budget.usage().sequences, 0);
  EXPECT_EQ(budget.usage().tokens, 0);
}

TEST(MicroBatcher, RemoveForgetsTheRowsOfOneCall) {
  QueueBudget budget({});
  auto batcher = *MicroBatcher::Create({.max_batch_rows = 1});
  TextCall call = MakeCall(1, {4, 4});
  call.ticket = *budget.Enter(2);
  batcher->Add(std::move(call));
  batcher->Add(MakeCall(2, {4}));
  batcher->Form(kNow);
  batcher->Remove(1);
  batcher->Remove(1);  // Has none any more.
  EXPECT_EQ(budget.usage().sequences, 0);
  EXPECT_THAT(Rows(batcher->Form(kNow)), ElementsAre(Pair(2, 0)));
  EXPECT_FALSE(batcher->HasWork());
}

TEST(MicroBatcher, RemoveAllForgetsWhatWaits) {
  QueueBudget budget({});
  auto batcher = *MicroBatcher::Create({});
  TextCall call = MakeCall(1, {4});
  call.ticket = *budget.Enter(1);
  batcher->Add(std::move(call));
  batcher->Add(MakeCall(2, {4}));
  TextCall underway = MakeCall(3, {4});
  underway.underway = true;
  batcher->Add(std::move(underway));
  EXPECT_THAT(batcher->RemoveAll(), ElementsAre(3, 1, 2));
  EXPECT_FALSE(batcher->HasWork());
  EXPECT_EQ(budget.usage().sequences, 0);
}

// Random calls under steady overload, some of them underway: every row once and in order, budgets
// kept, and a call of one row waits, of its own kind, for at most one row of each call before it.
// The others are never passed over twice running.
TEST(MicroBatcherProperty, HoldsItsInvariants) {
  constexpr int kMaxTokens = 40;
  constexpr int kMaxRows = 6;
  auto batcher =
      *MicroBatcher::Create({.max_batch_tokens = kMaxTokens, .max_batch_rows = kMaxRows});
  std::mt19937 random(5);
  const auto pick = [&](int bound) { return static_cast<int>(random() % bound); };
  struct Live {
    size_t num_rows;
    int next_row = 0;
    bool underway;
    size_t rows_ahead;  // Of its kind, before its first row: at most one for each older call.
  };
  std::map<uint64_t, Live> live;
  std::map<uint64_t, std::stop_source> stops;
  uint64_t next_id = 1;
  bool passed_over = false;
  for (int round = 0; round < 1500 || batcher->HasWork(); ++round) {
    ASSERT_LT(round, 50000) << "something starves";
    for (int arrivals = round < 1500 ? pick(3) : 0; arrivals > 0; --arrivals) {
      std::vector<int> lengths(1 + pick(pick(10) == 0 ? 60 : 3));
      for (int& length : lengths) length = 1 + pick(50);
      TextCall call = MakeCall(next_id, lengths);
      call.underway = pick(3) == 0;
      const auto num_older = std::count_if(live.begin(), live.end(), [&](const auto& other) {
        return other.second.underway == call.underway;
      });
      live[next_id] = {.num_rows = lengths.size(),
                       .underway = call.underway,
                       .rows_ahead = static_cast<size_t>(num_older)};
      call.stop = stops[next_id].get_token();
      batcher->Add(std::move(call));
      ++next_id;
    }
    if (!live.empty() && pick(10) == 0)
      stops[std::next(live.begin(), pick(live.size()))->first].request_stop();

    const Batch batch = batcher->Form(kNow);
    for (const DroppedCall& call : batch.dropped) {
      EXPECT_TRUE(stops[call.id].stop_requested());
      EXPECT_EQ(live.erase(call.id), 1u);
    }
    EXPECT_LE(std::ssize(batch.rows), kMaxRows);
    EXPECT_TRUE(batch.num_tokens <= kMaxTokens || batch.rows.size() == 1);
    EXPECT_TRUE(std::is_sorted(batch.rows.begin(), batch.rows.end(), [](auto& a, auto& b) {
      return a.tokens.ids.size() < b.tokens.ids.size();
    }));
    EXPECT_EQ(batch.rows.empty(), live.empty());

    int num_tokens = 0;
    std::map<uint64_t, std::set<int>> taken;
    size_t num_taken[2] = {};  // Of the others, and of those underway.
    for (const BatchRow& row : batch.rows) {
      num_tokens += static_cast<int>(row.tokens.ids.size());
      EXPECT_EQ(row.tokens.ids[0], static_cast<int32_t>(row.call));
      EXPECT_TRUE(taken[row.call].insert(row.index).second);
      ++num_taken[live.at(row.call).underway];
    }
    const bool others_wait = std::any_of(live.begin(), live.end(),
                                         [](const auto& call) { return !call.second.underway; });
    const bool others_pass = others_wait && num_taken[0] == 0;
    EXPECT_FALSE(passed_over && others_pass);
    passed_over = others_pass;
    EXPECT_EQ(num_tokens, batch.num_tokens);
    for (auto& [id, call] : live) {  // Those still waiting for their first turn have moved forward.
      if (call.next_row > 0 || taken.contains(id)) continue;
      const size_t num_rows = num_taken[call.underway];
      EXPECT_GE(call.rows_ahead, num_rows) << "a younger call overtook";
      call.rows_ahead -= std::min(call.rows_ahead, num_rows);
    }
    for (const auto& [id, indices] : taken) {
      Live& call = live.at(id);
      for (const int index : indices) EXPECT_EQ(index, call.next_row++);
      if (static_cast<size_t>(call.next_row) == call.num_rows) live.erase(id);
    }
  }
  EXPECT_THAT(live, IsEmpty());
  EXPECT_FALSE(batcher->HasWork());
  EXPECT_GT(next_id, 1000u);
}

}  // namespace
}  // namespace chorus::runner
