#include "runner_server/scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <stop_token>
#include <tuple>
#include <utility>
#include <vector>

namespace chorus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1000);

std::unique_ptr<Sequence> MakeSequence(uint64_t id, int prompt_tokens, int max_tokens = 100) {
  auto sequence = std::make_unique<Sequence>();
  sequence->id = id;
  sequence->tokens.assign(prompt_tokens, 1);
  sequence->num_prompt_tokens = prompt_tokens;
  sequence->max_tokens = max_tokens;
  return sequence;
}

// What the engine does with a step: counts tokens as cached and appends the chosen ones.
void Finish(const ScheduledStep& step) {
  for (const ScheduledRow& row : step.rows) {
    row.sequence->num_cached += row.num_tokens;
    if (row.wants_logits) row.sequence->tokens.push_back(2);
  }
}

using Row = std::tuple<uint64_t, int, bool>;  // Id, tokens, wants_logits.

std::vector<Row> Rows(const ScheduledStep& step) {
  std::vector<Row> rows;
  for (const ScheduledRow& row : step.rows) {
    rows.emplace_back(row.sequence->id, row.num_tokens, row.wants_logits);
  }
  return rows;
}

// A scheduler and its slots.
struct Fixture {
  Fixture(int num_slots, int max_step_tokens)
      : slots(num_slots),
        scheduler(*Scheduler::Create({.max_step_tokens = max_step_tokens}, slots)) {}

  std::vector<Row> Step() {
    const ScheduledStep step = scheduler->Schedule(kNow);
    const std::vector<Row> rows = Rows(step);
    Finish(step);
    return rows;
  }

  SlotPool slots;
  std::unique_ptr<Scheduler> scheduler;
};

TEST(Scheduler, RefusesABudgetThatCannotDecodeEverySlot) {
  SlotPool slots(8);
  const auto scheduler = Scheduler::Create({.max_step_tokens = 7}, slots);
  EXPECT_EQ(scheduler.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(scheduler.status().message(),
            "max_step_tokens must be at least the number of KV slots, 8, so that every running "
            "text can decode in every step: 7");
  EXPECT_TRUE(Scheduler::Create({.max_step_tokens = 8}, slots).ok());
}

TEST(Scheduler, HasNothingToDoAtFirst) {
  Fixture f(2, 8);
  EXPECT_FALSE(f.scheduler->HasWork());
  const ScheduledStep step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(step.rows, IsEmpty());
  EXPECT_FALSE(step.full);
}

TEST(Scheduler, PrefillsThenDecodesATokenAStep) {
  Fixture f(2, 8);
  f.scheduler->Add(MakeSequence(1, 3));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 3, true}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}));
}

TEST(Scheduler, JoinsANewcomerAtTheNextStep) {
  Fixture f(2, 8);
  f.scheduler->Add(MakeSequence(1, 3));
  f.Step();
  f.scheduler->Add(MakeSequence(2, 4));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, 4, true}));
}

TEST(Scheduler, ChunksAPromptBetweenDecodeSteps) {  // The example of the header.
  Fixture f(3, 4);
  f.scheduler->Add(MakeSequence(1, 1));
  f.scheduler->Add(MakeSequence(2, 1));
  f.Step();
  f.scheduler->Add(MakeSequence(3, 5));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, 1, true}, Row{3, 2, false}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, 1, true}, Row{3, 2, false}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, 1, true}, Row{3, 1, true}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, 1, true}, Row{3, 1, true}));
}

TEST(Scheduler, PrefillsTheOldestPromptFirst) {
  Fixture f(3, 4);
  f.scheduler->Add(MakeSequence(1, 6));
  f.scheduler->Add(MakeSequence(2, 3));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 4, false}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 2, true}, Row{2, 2, false}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, 1, true}));
}

TEST(Scheduler, StartsTheNextWhenASlotIsFreed) {
  Fixture f(1, 8);
  f.scheduler->Add(MakeSequence(1, 2));
  f.scheduler->Add(MakeSequence(2, 2));
  const ScheduledStep step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(Rows(step), ElementsAre(Row{1, 2, true}));
  EXPECT_TRUE(step.full);
  EXPECT_EQ(f.scheduler->num_waiting(), 1);
  Finish(step);
  EXPECT_EQ(f.scheduler->Remove(*step.rows[0].sequence)->id, 1u);
  EXPECT_EQ(f.slots.num_allocated(), 0);
  EXPECT_THAT(f.Step(), ElementsAre(Row{2, 2, true}));
}

TEST(Scheduler, SaysWhetherAnythingHadToWait) {
  Fixture f(2, 4);
  f.scheduler->Add(MakeSequence(1, 4));
  ScheduledStep step = f.scheduler->Schedule(kNow);
  EXPECT_FALSE(step.full);  // The budget is used up, but nobody waits.
  Finish(step);
  f.scheduler->Add(MakeSequence(2, 5));
  step = f.scheduler->Schedule(kNow);
  EXPECT_TRUE(step.full);
}

TEST(Scheduler, DropsTheCancelledWhereverTheyAre) {
  Fixture f(1, 8);
  std::stop_source stop_running, stop_waiting;
  auto running = MakeSequence(1, 2);
  running->stop = stop_running.get_token();
  auto waiting = MakeSequence(2, 2);
  waiting->stop = stop_waiting.get_token();
  f.scheduler->Add(std::move(running));
  f.scheduler->Add(std::move(waiting));
  f.scheduler->Add(MakeSequence(3, 2));
  f.Step();
  stop_running.request_stop();
  stop_waiting.request_stop();
  const ScheduledStep step = f.scheduler->Schedule(kNow);
  ASSERT_EQ(step.dropped.size(), 2u);
  EXPECT_EQ(step.dropped[0].sequence->id, 1u);
  EXPECT_EQ(step.dropped[1].sequence->id, 2u);
  EXPECT_EQ(step.dropped[0].status.code(), absl::StatusCode::kCancelled);
  // The slot goes to the next in the very same step.
  EXPECT_THAT(Rows(step), ElementsAre(Row{3, 2, true}));
  EXPECT_EQ(f.slots.num_allocated(), 1);
}

TEST(Scheduler, NeverRunsTheExpired) {
  Fixture f(2, 8);
  auto expired = MakeSequence(1, 2);
  expired->deadline = kNow;
  auto late = MakeSequence(2, 2);
  late->deadline = kNow + absl::Seconds(1);
  f.scheduler->Add(std::move(expired));
  f.scheduler->Add(std::move(late));
  ScheduledStep step = f.scheduler->Schedule(kNow);
  ASSERT_EQ(step.dropped.size(), 1u);
  EXPECT_EQ(step.dropped[0].sequence->id, 1u);
  EXPECT_EQ(step.dropped[0].status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Rows(step), ElementsAre(Row{2, 2, true}));
  Finish(step);
  step = f.scheduler->Schedule(kNow + absl::Seconds(1));
  ASSERT_EQ(step.dropped.size(), 1u);
  EXPECT_THAT(step.rows, IsEmpty());
  EXPECT_FALSE(f.scheduler->HasWork());
  EXPECT_EQ(f.slots.num_allocated(), 0);
}

TEST(Scheduler, ReleasesTheTicketWhenASequenceStarts) {
  QueueBudget budget({});
  Fixture f(1, 8);
  for (uint64_t id = 1; id <= 2; ++id) {
    auto sequence = MakeSequence(id, 2);
    sequence->ticket = *budget.Enter(1);
    EXPECT_TRUE(sequence->ticket.AddTokens(100).ok());
    f.scheduler->Add(std::move(sequence));
  }
  EXPECT_EQ(budget.usage().tokens, 200);
  f.Step();
  EXPECT_EQ(budget.usage().sequences, 1);
  EXPECT_EQ(budget.usage().tokens, 100);
}

TEST(Scheduler, RemoveAllGivesEverySequenceAndSlotBack) {
  Fixture f(2, 8);
  for (uint64_t id = 1; id <= 3; ++id) f.scheduler->Add(MakeSequence(id, 2));
  f.Step();
  std::vector<uint64_t> ids;
  for (const auto& sequence : f.scheduler->RemoveAll()) ids.push_back(sequence->id);
  EXPECT_THAT(ids, ElementsAre(1, 2, 3));
  EXPECT_FALSE(f.scheduler->HasWork());
  EXPECT_EQ(f.slots.num_allocated(), 0);
}

// Random arrivals, ends and cancellations; after every step each promise of the header is checked.
class SchedulerProperty : public ::testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(SchedulerProperty, HoldsItsInvariants) {
  const auto [num_slots, max_step_tokens] = GetParam();
  Fixture f(num_slots, max_step_tokens);
  std::mt19937 random(num_slots * 1000 + max_step_tokens);
  const auto pick = [&](int bound) { return static_cast<int>(random() % bound); };
  std::map<uint64_t, std::stop_source> live;
  std::map<uint64_t, int> length;  // Prompt and new tokens at which a sequence ends.
  uint64_t next_id = 1, last_started = 0;
  int num_ended = 0;
  for (int round = 0; round < 3000; ++round) {
    for (int arrivals = pick(3); arrivals > 0 && round < 2500; --arrivals) {
      auto sequence = MakeSequence(next_id, 1 + pick(3 * max_step_tokens / 2));
      sequence->stop = live[next_id].get_token();
      length[next_id] = sequence->num_prompt_tokens + 1 + pick(10);
      f.scheduler->Add(std::move(sequence));
      ++next_id;
    }
    if (!live.empty() && pick(4) == 0)
      std::next(live.begin(), pick(live.size()))->second.request_stop();

    const ScheduledStep step = f.scheduler->Schedule(kNow);
    for (const DroppedSequence& dropped : step.dropped) {
      EXPECT_TRUE(live.at(dropped.sequence->id).stop_requested());
      EXPECT_EQ(dropped.sequence->slot, -1);
      live.erase(dropped.sequence->id);
    }
    EXPECT_EQ(step.rows.empty(), !f.scheduler->HasWork());
    EXPECT_EQ(f.slots.num_allocated(), f.scheduler->num_running());
    EXPECT_LE(f.scheduler->num_running(), num_slots);
    EXPECT_EQ(live.size(),
              static_cast<size_t>(f.scheduler->num_running() + f.scheduler->num_waiting()));

    std::set<int> slots;
    int num_tokens = 0;
    bool seen_prefill = false;
    for (const ScheduledRow& row : step.rows) {
      EXPECT_FALSE(live.at(row.sequence->id).stop_requested());
      EXPECT_TRUE(slots.insert(row.sequence->slot).second);
      EXPECT_GE(row.num_tokens, 1);
      EXPECT_EQ(row.wants_logits, row.num_tokens == row.sequence->num_uncached());
      if (row.sequence->is_decoding()) {
        EXPECT_FALSE(seen_prefill);
        EXPECT_EQ(row.num_tokens, 1);
      }
      seen_prefill |= !row.sequence->is_decoding();
      if (row.sequence->num_cached == 0 && row.sequence->id > last_started)
        last_started = row.sequence->id;
      EXPECT_LE(row.sequence->id, last_started);
      num_tokens += row.num_tokens;
    }
    EXPECT_EQ(num_tokens, step.num_tokens);
    EXPECT_LE(num_tokens, max_step_tokens);
    // Work is left only where the tokens or the slots are spent.
    if (f.scheduler->num_waiting() > 0) {
      EXPECT_TRUE(num_tokens == max_step_tokens || !f.slots.CanAllocate());
      EXPECT_TRUE(step.full);
    }
    Finish(step);
    for (const ScheduledRow& row : step.rows) {
      if (std::ssize(row.sequence->tokens) < length.at(row.sequence->id)) continue;
      live.erase(row.sequence->id);
      f.scheduler->Remove(*row.sequence);
      ++num_ended;
    }
  }
  while (f.scheduler->HasWork()) {  // Ends, since nothing starves.
    const ScheduledStep step = f.scheduler->Schedule(kNow);
    Finish(step);
    for (const ScheduledRow& row : step.rows) {
      if (std::ssize(row.sequence->tokens) >= length.at(row.sequence->id))
        f.scheduler->Remove(*row.sequence);
    }
  }
  EXPECT_GT(num_ended, 20);
}

INSTANTIATE_TEST_SUITE_P(Sizes, SchedulerProperty,
                         ::testing::Values(std::tuple(1, 1), std::tuple(1, 7), std::tuple(4, 4),
                                           std::tuple(4, 16), std::tuple(32, 40)));

}  // namespace
}  // namespace chorus
