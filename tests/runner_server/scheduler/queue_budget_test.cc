#include "runner_server/scheduler/queue_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

namespace chorus::runner {
namespace {

using Ticket = QueueBudget::Ticket;

void ExpectUsage(const QueueBudget& budget, int64_t sequences, int64_t tokens) {
  EXPECT_EQ(budget.usage().sequences, sequences);
  EXPECT_EQ(budget.usage().tokens, tokens);
}

TEST(QueueBudget, RefusesCallsOverTheLimitHoweverManySequencesTheyHave) {
  QueueBudget budget({.max_calls = 2});
  absl::StatusOr<Ticket> many = budget.Enter(1000);
  const absl::StatusOr<Ticket> second = budget.Enter(1);
  EXPECT_TRUE(many.ok() && second.ok());
  const absl::StatusOr<Ticket> third = budget.Enter(1);
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(third.status().message(),
            "the queue has no room for another call: it holds 2 of at most 2; retry later or "
            "elsewhere");
  ExpectUsage(budget, 1001, 0);
  many->Release({.sequences = 999, .tokens = 0});
  EXPECT_FALSE(budget.Enter(1).ok());
  many->Release({.sequences = 1, .tokens = 0});
  EXPECT_TRUE(budget.Enter(1).ok());
}

TEST(QueueBudget, RefusesTokensOverTheLimit) {
  QueueBudget budget({.max_tokens = 100});
  Ticket first = *budget.Enter(1);
  Ticket second = *budget.Enter(1);
  EXPECT_TRUE(first.AddTokens(60).ok());
  const absl::Status refused = second.AddTokens(41);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.message(),
            "the queue has no room for 41 tokens: it holds 60 of at most 100; retry later or "
            "elsewhere");
  ExpectUsage(budget, 2, 60);
  EXPECT_TRUE(second.AddTokens(40).ok());
  ExpectUsage(budget, 2, 100);
}

TEST(QueueBudget, TakesAnythingThatComesAlone) {
  QueueBudget budget({.max_calls = 2, .max_tokens = 10});
  Ticket large = *budget.Enter(50);
  EXPECT_TRUE(large.AddTokens(5).ok());
  EXPECT_TRUE(large.AddTokens(500).ok());
  ExpectUsage(budget, 50, 505);
  EXPECT_FALSE(budget.Enter(1)->AddTokens(1).ok());
}

TEST(QueueBudget, OfOneCallNoMoreTokensCountThanItsShare) {
  QueueBudget budget({.max_tokens = 10, .max_tokens_of_call = 5});
  Ticket large = *budget.Enter(50);
  EXPECT_TRUE(large.AddTokens(500).ok());
  Ticket small = *budget.Enter(1);
  EXPECT_TRUE(small.AddTokens(3).ok());
  EXPECT_FALSE(budget.Enter(1)->AddTokens(3).ok());
  ExpectUsage(budget, 51, 503);
  large.Release({.sequences = 49, .tokens = 496});  // It counts with 4 now.
  EXPECT_TRUE(budget.Enter(1)->AddTokens(3).ok());
  ExpectUsage(budget, 2, 7);
}

TEST(QueueBudget, CallsUnderwayHaveRoomOfTheirOwn) {
  QueueBudget budget({.max_calls = 1, .max_tokens = 10});
  Ticket newcomer = *budget.Enter(1);
  EXPECT_TRUE(newcomer.AddTokens(10).ok());
  std::vector<Ticket> underway;
  for (int i = 0; i < 5; ++i) {
    underway.push_back(*budget.Enter(1, /*underway=*/true));
    EXPECT_TRUE(underway.back().AddTokens(2).ok());
  }
  EXPECT_FALSE(budget.Enter(1, /*underway=*/true)->AddTokens(1).ok());
  ExpectUsage(budget, 6, 20);
  newcomer.Release();
  EXPECT_TRUE(budget.Enter(1)->AddTokens(10).ok());  // They take none of it.
  underway.clear();
  ExpectUsage(budget, 0, 0);
}

TEST(QueueBudget, TicketsGiveBackWhatTheyHoldOnce) {
  QueueBudget budget({});
  {
    Ticket ticket = *budget.Enter(3);
    EXPECT_TRUE(ticket.AddTokens(30).ok());
    Ticket moved = std::move(ticket);
    moved.Release({.sequences = 1, .tokens = 10});
    ExpectUsage(budget, 2, 20);
    ticket.Release();  // Holds nothing any more.
    ExpectUsage(budget, 2, 20);
    Ticket other = *budget.Enter(1);
    ExpectUsage(budget, 3, 20);
    moved = std::move(other);
    ExpectUsage(budget, 1, 0);
  }
  ExpectUsage(budget, 0, 0);
}

TEST(QueueBudget, CountsRightFromManyThreads) {
  QueueBudget budget({.max_calls = 3, .max_tokens = 50});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        absl::StatusOr<Ticket> ticket = budget.Enter(2);
        if (ticket.ok() && ticket->AddTokens(20).ok()) {
          EXPECT_LE(budget.usage().tokens, 50);
          ticket->Release({.sequences = 1, .tokens = 7});
        }
        EXPECT_LE(budget.usage().sequences, 6);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectUsage(budget, 0, 0);
}

}  // namespace
}  // namespace chorus::runner
