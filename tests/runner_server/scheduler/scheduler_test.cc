#include "runner_server/scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1000);

// No two share a token.
std::unique_ptr<Sequence> MakeSequence(uint64_t id, int prompt_tokens, int max_tokens = 100) {
  auto sequence = std::make_unique<Sequence>();
  sequence->id = id;
  sequence->tokens.assign(prompt_tokens, static_cast<int32_t>(id));
  sequence->num_prompt_tokens = prompt_tokens;
  sequence->max_tokens = max_tokens;
  return sequence;
}

// What the engine does with a step: counts tokens as cached and appends the chosen ones.
void Finish(const ScheduledStep& step) {
  for (const ScheduledRow& row : step.rows) {
    row.sequence->num_cached += row.num_tokens;
    if (row.wants_logits) row.sequence->tokens.push_back(-1);
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
      : Fixture(SlotPool::Options{.num_slots = num_slots}, {.max_step_tokens = max_step_tokens}) {}
  Fixture(const SlotPool::Options& slot_options, const Scheduler::Options& options)
      : slots(slot_options), scheduler(*Scheduler::Create(options, slots)) {}

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
  EXPECT_FALSE(step.stats.full());
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
  EXPECT_EQ(step.stats.limited_by, StepLimit::kSlots);
  EXPECT_EQ(f.scheduler->num_waiting(), 1);
  Finish(step);
  EXPECT_EQ(f.scheduler->Remove(*step.rows[0].sequence)->id, 1u);
  EXPECT_EQ(f.slots.num_allocated(), 0);
  EXPECT_THAT(f.Step(), ElementsAre(Row{2, 2, true}));
}

// With one slot: the ids of all sequences, in the order in which they get it.
std::vector<uint64_t> Turns(Fixture& f) {
  std::vector<uint64_t> ids;
  while (f.scheduler->HasWork()) {
    const ScheduledStep step = f.scheduler->Schedule(kNow);
    Finish(step);
    ids.push_back(f.scheduler->Remove(*step.rows.at(0).sequence)->id);
  }
  return ids;
}

TEST(Scheduler, NewcomersGoBeforeTheLaterOfManyTextsAndWorkUnderwayBeforeAll) {
  Fixture f(1, 8);
  for (uint32_t text = 0; text < 12; ++text) {
    auto sequence = MakeSequence(100 + text, 2);
    sequence->text_index = text;
    f.scheduler->Add(std::move(sequence));
  }
  f.Step();
  f.scheduler->Add(MakeSequence(1, 2));
  auto underway = MakeSequence(2, 2);
  underway->underway = true;
  f.scheduler->Add(std::move(underway));
  f.scheduler->Add(MakeSequence(3, 2));
  EXPECT_THAT(Turns(f),
              ElementsAre(100, 2, 101, 102, 103, 104, 105, 106, 107, 1, 3, 108, 109, 110, 111));
}

TEST(Scheduler, CallsOfMorePriorityGoBeforeOthersButNobodyWaitsForEver) {
  Fixture f(1, 8);
  f.scheduler->Add(MakeSequence(1, 2));
  f.Step();
  const auto add = [&](uint64_t id, int priority, bool underway = false) {
    auto sequence = MakeSequence(id, 2);
    sequence->priority = priority;
    sequence->underway = underway;
    f.scheduler->Add(std::move(sequence));
  };
  add(2, -1);
  add(3, 0);
  add(4, 1);
  add(5, -1);
  add(6, 0);
  add(7, 1);
  add(8, -1, /*underway=*/true);
  EXPECT_THAT(Turns(f), ElementsAre(1, 8, 4, 7, 3, 6, 2, 5));

  f.scheduler->Add(MakeSequence(1, 2));
  f.Step();
  add(2, -1);
  for (uint64_t id = 100; id < 200; ++id) add(id, 1);
  const std::vector<uint64_t> turns = Turns(f);
  EXPECT_EQ(std::find(turns.begin(), turns.end(), 2u) - turns.begin(), 1 + 64);
}

TEST(Scheduler, NobodyIsPassedForEver) {
  Fixture f(1, 8);
  f.scheduler->Add(MakeSequence(1, 2));
  f.Step();
  f.scheduler->Add(MakeSequence(2, 2));
  for (uint64_t id = 100; id < 200; ++id) {
    auto underway = MakeSequence(id, 2);
    underway->underway = true;
    f.scheduler->Add(std::move(underway));
  }
  const std::vector<uint64_t> turns = Turns(f);
  EXPECT_EQ(turns.size(), 102u);
  EXPECT_EQ(std::find(turns.begin(), turns.end(), 2u) - turns.begin(), 1 + 64);
}

TEST(Scheduler, SaysWhetherAnythingHadToWait) {
  Fixture f(2, 4);
  f.scheduler->Add(MakeSequence(1, 4));
  ScheduledStep step = f.scheduler->Schedule(kNow);
  EXPECT_FALSE(step.stats.full());  // The budget is used up, but nobody waits.
  Finish(step);
  f.scheduler->Add(MakeSequence(2, 5));
  step = f.scheduler->Schedule(kNow);
  EXPECT_EQ(step.stats.limited_by, StepLimit::kTokens);
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

// 64 tokens may be cached in all. Texts are committed one token at a time.
Fixture Capped(int num_slots, int block_tokens = 1) {
  return Fixture({.num_slots = num_slots, .max_tokens = 64, .block_tokens = block_tokens},
                 {.max_step_tokens = 128});
}

TEST(SchedulerMemory, StartsNoMoreThanFit) {
  Fixture f = Capped(4);
  for (uint64_t id = 1; id <= 3; ++id) f.scheduler->Add(MakeSequence(id, 25, 60));
  const ScheduledStep step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(Rows(step), ElementsAre(Row{1, 25, true}, Row{2, 25, true}));
  EXPECT_EQ(step.stats.limited_by, StepLimit::kKvBytes);
  EXPECT_EQ(f.slots.num_needed_tokens(), 50);
}

TEST(SchedulerMemory, LeavesEachABlockToGrowBy) {
  Fixture f = Capped(4, /*block_tokens=*/16);
  f.scheduler->Add(MakeSequence(1, 16, 60));
  f.scheduler->Add(MakeSequence(2, 17, 60));  // Two blocks beside one, and none left to grow by.
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 16, true}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}));
}

TEST(SchedulerMemory, PreemptsTheYoungestAndRunsItAgain) {
  Fixture f = Capped(4);
  f.scheduler->Add(MakeSequence(1, 29, 60));
  f.scheduler->Add(MakeSequence(2, 29, 60));
  f.Step();  // 58 cached, and each has one token more.
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, 1, true}));
  }
  ScheduledStep step = f.scheduler->Schedule(kNow);  // 64 are.
  EXPECT_THAT(Rows(step), ElementsAre(Row{1, 1, true}));
  EXPECT_EQ(step.stats.num_preempted, 1);
  EXPECT_EQ(step.stats.limited_by, StepLimit::kKvBytes);
  EXPECT_EQ(f.slots.num_allocated(), 1);
  EXPECT_EQ(f.scheduler->num_waiting(), 1);
  const Sequence& first = *step.rows[0].sequence;
  Finish(step);
  f.scheduler->Add(MakeSequence(3, 2, 60));  // Would fit, but does not pass.
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}));
  f.scheduler->Remove(first);
  step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(Rows(step), ElementsAre(Row{2, 33, true}, Row{3, 2, true}));  // 29 and 4 new ones.
  EXPECT_EQ(step.stats.num_prompt_tokens, 35);
  EXPECT_EQ(step.rows[0].sequence->num_generated(), 4);
  EXPECT_EQ(step.rows[0].sequence->num_preemptions, 1);
  EXPECT_FALSE(step.stats.full());
  Finish(step);
  EXPECT_THAT(f.Step(), ElementsAre(Row{2, 1, true}, Row{3, 1, true}));
}

TEST(SchedulerMemory, RunsThePreemptedInChunks) {
  Fixture f({.num_slots = 2, .max_tokens = 64}, {.max_step_tokens = 20});
  f.scheduler->Add(MakeSequence(1, 29, 60));
  f.scheduler->Add(MakeSequence(2, 29, 60));
  ScheduledStep step = f.scheduler->Schedule(kNow);
  while (step.stats.num_preempted == 0) {
    Finish(step);
    step = f.scheduler->Schedule(kNow);
  }
  Finish(step);
  f.scheduler->Remove(*step.rows[0].sequence);
  EXPECT_THAT(f.Step(), ElementsAre(Row{2, 20, false}));
  // The prompt is through, but not what was generated.
  EXPECT_THAT(f.Step(), ElementsAre(Row{2, 12, true}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{2, 1, true}));
}

TEST(SchedulerMemory, ReleasesOnlyUnderPressure) {
  Fixture f = Capped(2);
  f.scheduler->Add(MakeSequence(1, 30, 60));
  f.scheduler->Add(MakeSequence(2, 20, 60));
  ScheduledStep step = f.scheduler->Schedule(kNow);
  Finish(step);
  const int slot = step.rows[0].sequence->slot;
  f.scheduler->Remove(*step.rows[0].sequence);
  step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(step.releases, IsEmpty());  // Kept warm.
  Finish(step);
  f.scheduler->Add(MakeSequence(3, 35, 60));
  step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(step.releases, IsEmpty());  // It got the warm slot.
  f.scheduler->Remove(*step.rows[1].sequence);
  while (step.releases.empty()) {
    Finish({.rows = {step.rows[0]}});
    step = f.scheduler->Schedule(kNow);
  }
  EXPECT_THAT(step.releases, ElementsAre(SlotPool::Release{slot, 0}));
  EXPECT_EQ(f.slots.num_needed_tokens(), 30);  // And 35 in the other slot: the cap.
}

TEST(SchedulerMemory, DropsThePreemptedLikeAnyOther) {
  Fixture f = Capped(4);
  std::stop_source stop;
  f.scheduler->Add(MakeSequence(1, 29, 60));
  auto second = MakeSequence(2, 29, 60);
  second->stop = stop.get_token();
  f.scheduler->Add(std::move(second));
  while (f.scheduler->num_waiting() > 0 || f.scheduler->num_running() == 0) f.Step();
  while (f.scheduler->num_waiting() == 0) f.Step();
  stop.request_stop();
  const ScheduledStep step = f.scheduler->Schedule(kNow);
  ASSERT_EQ(step.dropped.size(), 1u);
  EXPECT_TRUE(step.dropped[0].sequence->has_run());
  EXPECT_EQ(step.dropped[0].sequence->num_cached, 0);
}

// A prompt whose first `num_common` tokens are those of all such prompts.
std::unique_ptr<Sequence> MakeSharing(uint64_t id, int prompt_tokens, int num_common) {
  auto sequence = MakeSequence(id, prompt_tokens, 1000);
  for (int i = 0; i < num_common; ++i) sequence->tokens[i] = 1000 + i;
  return sequence;
}

TEST(SchedulerPrefixes, CopiesWhatARunningTextHas) {
  Fixture f(3, 128);
  f.scheduler->Add(MakeSharing(1, 30, 25));
  f.Step();
  f.scheduler->Add(MakeSharing(2, 40, 25));
  const ScheduledStep step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(Rows(step), ElementsAre(Row{1, 1, true}, Row{2, 15, true}));
  ASSERT_EQ(step.copies.size(), 1u);
  EXPECT_EQ(step.copies[0].from_slot, step.rows[0].sequence->slot);
  EXPECT_EQ(step.copies[0].to_slot, step.rows[1].sequence->slot);
  EXPECT_EQ(step.copies[0].num_tokens, 25);
  EXPECT_EQ(step.stats.num_shared_tokens, 25);
  EXPECT_EQ(step.rows[1].sequence->num_cached, 25);
}

TEST(SchedulerPrefixes, RunsTheLastTokenOfAnEqualPrompt) {
  Fixture f(3, 128);
  f.scheduler->Add(MakeSharing(1, 30, 30));
  f.Step();
  f.scheduler->Add(MakeSharing(2, 30, 30));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, 1, true}));
}

TEST(SchedulerPrefixes, ShortEqualPromptsRunAtOnce) {
  Fixture f(3, 128);
  for (uint64_t id = 1; id <= 3; ++id) f.scheduler->Add(MakeSharing(id, 20, 20));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 20, true}, Row{2, 20, true}, Row{3, 20, true}));
}

TEST(SchedulerPrefixes, LongEqualPromptsWaitForTheFirst) {
  Fixture f(4, 128);
  for (uint64_t id = 1; id <= 3; ++id) f.scheduler->Add(MakeSharing(id, 200, 200));
  f.scheduler->Add(MakeSequence(4, 30));  // Another's.
  ScheduledStep step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(Rows(step), ElementsAre(Row{1, 98, false}, Row{4, 30, true}));
  EXPECT_EQ(step.stats.num_awaiting_prefix, 2);
  Finish(step);
  step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(Rows(step), ElementsAre(Row{4, 1, true}, Row{1, 102, true}));
  Finish(step);
  step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(Rows(step),
              ElementsAre(Row{1, 1, true}, Row{4, 1, true}, Row{2, 1, true}, Row{3, 1, true}));
  EXPECT_EQ(step.stats.num_shared_tokens, 2 * 199);
}

TEST(SchedulerPrefixes, DoNotWaitForOneThatIsGone) {
  Fixture f(2, 128);
  f.scheduler->Add(MakeSharing(1, 200, 200));
  f.scheduler->Add(MakeSharing(2, 200, 200));
  const ScheduledStep step = f.scheduler->Schedule(kNow);
  Finish(step);
  f.scheduler->Remove(*step.rows[0].sequence);
  EXPECT_THAT(f.Step(), ElementsAre(Row{2, 128, false}));
}

TEST(Scheduler, FinishesShortPromptsBesideManyLongOnes) {
  Fixture f(16, 128);
  for (uint64_t id = 1; id <= 10; ++id) f.scheduler->Add(MakeSequence(id, 1000, 2000));
  f.scheduler->Add(MakeSequence(11, 40));
  f.scheduler->Add(MakeSequence(12, 40));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 88, false}, Row{11, 40, true}));
  EXPECT_THAT(f.Step(), ElementsAre(Row{11, 1, true}, Row{1, 87, false}, Row{12, 40, true}));
}

// Teaches that a step takes a millisecond a token, and 5 ms besides.
void Teach(Scheduler& scheduler) {
  for (int num_tokens = 1; num_tokens < 200; ++num_tokens) {
    ScheduledStep step;
    step.stats.num_tokens = num_tokens;
    step.num_attended = 50;
    scheduler.Observe(step, absl::Milliseconds(5 + num_tokens));
  }
}

TEST(SchedulerTime, PrefillsAsMuchAsTheTargetAllows) {
  Fixture f({.num_slots = 4}, {.max_step_tokens = 128, .target_step_time = absl::Milliseconds(55)});
  Teach(*f.scheduler);
  f.scheduler->Add(MakeSequence(1, 100));
  ScheduledStep step = f.scheduler->Schedule(kNow);
  EXPECT_THAT(Rows(step), ElementsAre(Row{1, 100, true}));  // Nobody waits for a next token.
  EXPECT_NEAR(absl::ToDoubleMilliseconds(step.stats.predicted), 105, 3);
  Finish(step);
  f.scheduler->Add(MakeSequence(2, 120));
  step = f.scheduler->Schedule(kNow);
  ASSERT_EQ(step.rows.size(), 2u);
  EXPECT_NEAR(step.rows[1].num_tokens, 49, 3);
  EXPECT_EQ(step.stats.limited_by, StepLimit::kTargetTime);
  EXPECT_LE(step.stats.predicted, absl::Milliseconds(55));
  Finish(step);
}

TEST(SchedulerTime, NeverStarvesAPrompt) {
  Fixture f({.num_slots = 4}, {.max_step_tokens = 128, .target_step_time = absl::Milliseconds(2)});
  Teach(*f.scheduler);
  f.scheduler->Add(MakeSequence(1, 10));
  f.Step();
  f.scheduler->Add(MakeSequence(2, 100));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, Scheduler::kMinPrefillTokens, false}));
}

TEST(SchedulerTime, HasNoTargetUnlessAsked) {
  Fixture f(4, 128);
  Teach(*f.scheduler);
  f.scheduler->Add(MakeSequence(1, 10));
  f.Step();
  f.scheduler->Add(MakeSequence(2, 120));
  EXPECT_THAT(f.Step(), ElementsAre(Row{1, 1, true}, Row{2, 120, true}));
}

// Whether a newcomer of `prompt_tokens` that may wait for `milliseconds` is taken.
bool Takes(Fixture& f, std::unique_ptr<Sequence> sequence, int milliseconds) {
  sequence->deadline = kNow + absl::Milliseconds(milliseconds);
  f.scheduler->Add(std::move(sequence));
  const ScheduledStep step = f.scheduler->Schedule(kNow);
  Finish(step);
  if (step.dropped.empty()) return true;
  EXPECT_EQ(step.dropped.size(), 1u);
  EXPECT_EQ(step.dropped[0].status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(step.dropped[0].status.message()),
              HasSubstr("the first token would come after the deadline"));
  EXPECT_FALSE(step.dropped[0].sequence->has_run());
  return false;
}

TEST(SchedulerTime, RefusesWhatCannotBeInTime) {
  Fixture f(8, 128);
  Teach(*f.scheduler);
  // At half the predicted time: of 105 ms for a step of 100 tokens, and 3 steps for 300.
  EXPECT_TRUE(Takes(f, MakeSequence(1, 100), 60));
  EXPECT_FALSE(Takes(f, MakeSequence(2, 100), 45));
  EXPECT_TRUE(Takes(f, MakeSequence(3, 300), 180));
  EXPECT_FALSE(Takes(f, MakeSequence(4, 300), 140));
}

TEST(SchedulerTime, SaysWhetherTheTextsTimeOrTheDeadlineIsTooShort) {
  Fixture f(8, 128);
  Teach(*f.scheduler);
  const auto refusal = [&](uint64_t id, absl::Duration finish_within, absl::Time now) {
    auto sequence = MakeSequence(id, 100);
    sequence->deadline = kNow + absl::Seconds(10);
    sequence->finish_by = kNow + finish_within;
    f.scheduler->Add(std::move(sequence));
    const ScheduledStep step = f.scheduler->Schedule(now);
    return step.dropped.empty() ? absl::OkStatus() : step.dropped[0].status;
  };
  EXPECT_THAT(std::string(refusal(1, absl::Milliseconds(1), kNow).message()),
              HasSubstr("after the time given to the text, which ends in 1ms: at the earliest in"));
  EXPECT_EQ(refusal(2, absl::Milliseconds(1), kNow + absl::Milliseconds(1)).message(),
            "the time given to the text was over before its first token");
}

TEST(SchedulerTime, CountsWhatIsBeforeANewcomer) {
  Fixture f(8, 128);
  Teach(*f.scheduler);
  f.scheduler->Add(MakeSequence(1, 1000, 2000));
  f.Step();
  EXPECT_FALSE(Takes(f, MakeSequence(2, 100), 400));
  EXPECT_TRUE(Takes(f, MakeSequence(3, 100), 600));
  EXPECT_TRUE(Takes(f, MakeSequence(4, 60), 40));  // It passes the long ones.
}

TEST(SchedulerTime, CountsNoTokenTwiceThatIsShared) {
  Fixture f(8, 128);
  Teach(*f.scheduler);
  EXPECT_TRUE(Takes(f, MakeSharing(1, 120, 120), 1000));
  for (uint64_t id = 2; id < 20; ++id) EXPECT_TRUE(Takes(f, MakeSharing(id, 120, 120), 100)) << id;
}

TEST(SchedulerTime, RefusesNothingBeforeItKnows) {
  Fixture f(8, 128);
  EXPECT_TRUE(Takes(f, MakeSequence(1, 10000, 20000), 1));
}

// Random arrivals, ends and cancellations, with a cap on memory and prompts that share prefixes;
// after every step each promise of the header is checked, and every text that ends is the one that
// would have been written alone.
struct Sizes {
  int num_slots, max_step_tokens;
  int64_t max_tokens = SlotPool::kNoCap;
  int block_tokens = 1;
  absl::Duration target = absl::ZeroDuration();
};

class SchedulerProperty : public ::testing::TestWithParam<Sizes> {
 protected:
  struct Live {
    Sequence* sequence;
    std::stop_source stop;
    int end;  // Prompt and new tokens at which it ends.
  };

  SchedulerProperty()
      : f_({.num_slots = GetParam().num_slots,
            .max_tokens = GetParam().max_tokens,
            .block_tokens = GetParam().block_tokens},
           {.max_step_tokens = GetParam().max_step_tokens, .target_step_time = GetParam().target}),
        random_(GetParam().num_slots * 1000 + GetParam().max_step_tokens),
        slots_(GetParam().num_slots),
        committed_(GetParam().num_slots) {}

  int Pick(int bound) { return static_cast<int>(random_() % bound); }

  // What follows tokens is a function of them all.
  static int32_t NextToken(const std::vector<int32_t>& tokens) {
    uint32_t hash = 1;
    for (const int32_t token : tokens) hash = hash * 31 + token;
    return static_cast<int32_t>(hash % 1000);
  }

  void AddOne() {
    int length = 1 + Pick(3 * GetParam().max_step_tokens / 2);
    const int most_new = static_cast<int>(std::min<int64_t>(GetParam().max_tokens / 3, 60));
    length = static_cast<int>(std::min<int64_t>(length, GetParam().max_tokens - most_new));
    auto sequence = MakeSequence(next_id_, length);
    const int num_common = Pick(2) * Pick(length + 1);
    for (int i = 0; i < num_common; ++i) sequence->tokens[i] = i;
    Live& live = live_[next_id_++];
    live = {sequence.get(), {}, length + 1 + Pick(most_new)};
    sequence->max_tokens = live.end;
    sequence->stop = live.stop.get_token();
    f_.scheduler->Add(std::move(sequence));
  }

  // Does to the slots what the step says, and checks each row against them.
  void Run(const ScheduledStep& step) {
    for (const SlotPool::Release& release : step.releases) {
      std::vector<int32_t>& held = slots_[release.slot];
      if (std::ssize(held) > release.num_kept_tokens) held.resize(release.num_kept_tokens);
      committed_[release.slot] = release.num_kept_tokens;
    }
    int num_copied = 0;
    for (const PrefixCopy& copy : step.copies) {
      const std::vector<int32_t>& from = slots_[copy.from_slot];
      ASSERT_NE(copy.from_slot, copy.to_slot);
      ASSERT_LE(copy.num_tokens, std::ssize(from));
      slots_[copy.to_slot].assign(from.begin(), from.begin() + copy.num_tokens);
      num_copied += copy.num_tokens;
    }
    EXPECT_EQ(num_copied, step.stats.num_shared_tokens);
    for (const ScheduledRow& row : step.rows) {
      Sequence& sequence = *row.sequence;
      std::vector<int32_t>& held = slots_[sequence.slot];
      held.resize(std::min<size_t>(held.size(), sequence.num_cached));
      const auto first = sequence.tokens.begin();
      ASSERT_EQ(held, std::vector<int32_t>(first, first + sequence.num_cached));
      held.insert(held.end(), first + sequence.num_cached,
                  first + sequence.num_cached + row.num_tokens);
    }
    CheckMemory();
  }

  void CheckMemory() {
    if (GetParam().max_tokens == SlotPool::kNoCap) return;
    int64_t total = 0;
    for (size_t slot = 0; slot < slots_.size(); ++slot) {
      const int64_t block = GetParam().block_tokens;
      committed_[slot] =
          std::max(committed_[slot], (std::ssize(slots_[slot]) + block - 1) / block * block);
      total += committed_[slot];
    }
    EXPECT_LE(total, GetParam().max_tokens);
  }

  void CheckRows(const ScheduledStep& step) {
    std::set<int> slots;
    StepWork work;
    int num_decode_rows = 0, num_prefill_tokens = 0;
    for (const ScheduledRow& row : step.rows) {
      EXPECT_FALSE(live_.at(row.sequence->id).stop.stop_requested());
      EXPECT_TRUE(slots.insert(row.sequence->slot).second);
      EXPECT_GE(row.num_tokens, 1);
      EXPECT_EQ(row.wants_logits, row.num_tokens == row.sequence->num_uncached());
      if (row.sequence->is_decoding() && num_prefill_tokens == 0) {
        EXPECT_EQ(row.num_tokens, 1);
        ++num_decode_rows;
      } else {
        num_prefill_tokens += row.num_tokens;
      }
      work.Add(row.sequence->num_cached, row.num_tokens);
    }
    EXPECT_EQ(work.num_tokens, step.stats.num_tokens);
    EXPECT_EQ(work.num_attended, step.num_attended);
    EXPECT_EQ(num_decode_rows, step.stats.num_decode_rows);
    EXPECT_EQ(num_prefill_tokens, step.stats.num_prompt_tokens);
    EXPECT_LE(step.stats.num_tokens, GetParam().max_step_tokens);
    num_copied_ += step.stats.num_shared_tokens;
    num_preempted_ += step.stats.num_preempted;
  }

  // Older ones run, younger ones wait; the oldest gets on.
  void CheckOrder(const ScheduledStep& step) {
    bool seen_waiting = false;
    for (const auto& [id, live] : live_) {
      const bool waits = live.sequence->slot < 0;
      EXPECT_FALSE(seen_waiting && !waits) << id;
      seen_waiting |= waits;
    }
    if (!live_.empty()) {
      EXPECT_TRUE(std::any_of(step.rows.begin(), step.rows.end(), [&](const ScheduledRow& row) {
        return row.sequence->id == live_.begin()->first;
      }));
    }
    if (seen_waiting) {
      EXPECT_TRUE(step.stats.full());
    }
    if (step.stats.limited_by == StepLimit::kSlots) {
      EXPECT_FALSE(f_.slots.CanAllocate());
    }
    if (step.stats.limited_by == StepLimit::kTokens) {
      EXPECT_EQ(step.stats.num_tokens, GetParam().max_step_tokens);
    }
  }

  void EndThoseDone(const ScheduledStep& step) {
    for (const ScheduledRow& row : step.rows) {
      Sequence& sequence = *row.sequence;
      sequence.num_cached += row.num_tokens;
      if (!row.wants_logits) continue;
      sequence.tokens.push_back(NextToken(slots_[sequence.slot]));
      if (std::ssize(sequence.tokens) < live_.at(sequence.id).end) continue;
      std::vector<int32_t> alone(sequence.tokens.begin(),
                                 sequence.tokens.begin() + sequence.num_prompt_tokens);
      while (alone.size() < sequence.tokens.size()) alone.push_back(NextToken(alone));
      EXPECT_EQ(sequence.tokens, alone);
      live_.erase(sequence.id);
      f_.scheduler->Remove(sequence);
      ++num_ended_;
    }
  }

  void StepOnce() {
    const ScheduledStep step = f_.scheduler->Schedule(kNow);
    for (const DroppedSequence& dropped : step.dropped) {
      EXPECT_TRUE(live_.at(dropped.sequence->id).stop.stop_requested());
      EXPECT_EQ(dropped.sequence->slot, -1);
      live_.erase(dropped.sequence->id);
    }
    EXPECT_EQ(step.rows.empty(), !f_.scheduler->HasWork());
    EXPECT_EQ(f_.slots.num_allocated(), f_.scheduler->num_running());
    EXPECT_EQ(std::ssize(live_), f_.scheduler->num_running() + f_.scheduler->num_waiting());
    CheckRows(step);
    CheckOrder(step);
    Run(step);
    f_.scheduler->Observe(step, absl::Milliseconds(1 + step.stats.num_tokens));
    EndThoseDone(step);
  }

  Fixture f_;
  std::mt19937 random_;
  std::map<uint64_t, Live> live_;
  uint64_t next_id_ = 1;
  std::vector<std::vector<int32_t>> slots_;  // The tokens each holds.
  std::vector<int64_t> committed_;           // Tokens, by slot.
  int num_ended_ = 0, num_copied_ = 0, num_preempted_ = 0;
};

TEST_P(SchedulerProperty, HoldsItsInvariants) {
  for (int round = 0; round < 2500; ++round) {
    for (int arrivals = Pick(3); arrivals > 0 && live_.size() < 60; --arrivals) AddOne();
    if (!live_.empty() && Pick(8) == 0) {
      std::next(live_.begin(), Pick(live_.size()))->second.stop.request_stop();
    }
    StepOnce();
    if (HasFailure()) return;
  }
  for (int round = 0; f_.scheduler->HasWork(); ++round) {
    ASSERT_LT(round, 20000) << "something starves";
    StepOnce();
  }
  EXPECT_TRUE(live_.empty());
  EXPECT_EQ(f_.slots.num_needed_tokens(), 0);
  EXPECT_GT(num_ended_, 20);
  if (GetParam().num_slots > 1 && GetParam().max_step_tokens >= 40) {
    EXPECT_GT(num_copied_, 100);
  }
  EXPECT_EQ(num_preempted_ > 0,
            GetParam().num_slots > 1 && GetParam().max_tokens != SlotPool::kNoCap);
}

INSTANTIATE_TEST_SUITE_P(All, SchedulerProperty,
                         ::testing::Values(Sizes{1, 1}, Sizes{1, 7}, Sizes{4, 4}, Sizes{4, 16},
                                           Sizes{32, 40}, Sizes{8, 200}, Sizes{4, 16, 60},
                                           Sizes{1, 20, 60}, Sizes{32, 40, 300, 16},
                                           Sizes{16, 200, 640, 8},
                                           Sizes{8, 200, 1000, 16, absl::Milliseconds(50)}));

}  // namespace
}  // namespace chorus::runner
