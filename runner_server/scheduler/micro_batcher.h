#pragma once

// Forms batches of texts to classify under a token budget. There is no wait timer: whenever the
// model is free, what has gathered meanwhile is the next batch.
//
// Calls take turns, a row each, so that a call of one text is not held up by a call of a thousand,
// and none starves: a call that waits moves one place forward with every row taken. Calls underway,
// which are a step of a run that runners have worked for already, have turns before all others,
// lest that work be lost; but where the others had no row in a batch, they have the first of the
// next.
//
// Thread safety: none; owned and called by the engine thread only.
// Invariants: (1) each row added is handed out once, or its call is dropped. (2) The rows of a call
// are handed out in order. (3) A batch is never empty while HasWork(), once what is no longer
// wanted has been dropped.

#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/scheduler/queue_budget.h"
#include "runner_server/scheduler/step_stats.h"

namespace chorus::runner {

// The texts of one call, tokenised.
struct ClassificationCall {
  uint64_t id = 0;                         // The caller's, unique among live calls.
  std::vector<std::vector<int32_t>> rows;  // At least 1, each at least 1 token.
  absl::Time deadline = absl::InfiniteFuture();
  std::stop_token stop;
  QueueBudget::Ticket ticket;  // Released row by row as they enter batches.
  bool underway = false;       // Its turns come before those of calls that are not.
};

struct BatchRow {
  uint64_t call;
  int index;  // Into the call's rows.
  std::vector<int32_t> tokens;
};

struct DroppedCall {
  uint64_t id;
  absl::Status status;  // CANCELLED or DEADLINE_EXCEEDED.
};

struct Batch {
  std::vector<BatchRow> rows;                  // Shortest first.
  std::vector<DroppedCall> dropped;            // Calls with rows left that will not be handed out.
  int num_tokens = 0;                          // Of all rows.
  StepLimit limited_by = StepLimit::kNothing;  // Why something had to wait for the next batch.
};

class MicroBatcher {
 public:
  struct Options {
    int max_batch_tokens = 512;  // >= 1. A longer row makes a batch of its own.
    int max_batch_rows = 64;     // >= 1.
  };

  // INVALID_ARGUMENT names the option that is out of range.
  static absl::StatusOr<std::unique_ptr<MicroBatcher>> Create(const Options& options);

  void Add(ClassificationCall call);

  // Calls that are cancelled, or whose deadline is not after `now`, are dropped first.
  //
  // Example: calls A with rows of 4, 4 and 4 tokens and B with one of 2, budget 10: {B0, A0, A1},
  // then {A2}.
  Batch Form(absl::Time now);

  // Forgets the rows of a call that wait, if there are any.
  void Remove(uint64_t id);

  // Forgets every row that waits; gives the ids of their calls, in the order of their turns.
  std::vector<uint64_t> RemoveAll();

  bool HasWork() const { return !underway_.empty() || !others_.empty(); }

 private:
  struct WaitingCall {
    ClassificationCall call;
    size_t next_row = 0;
  };

  using Queue = std::deque<std::unique_ptr<WaitingCall>>;  // In order of turn.

  explicit MicroBatcher(const Options& options) : options_(options) {}

  void DropUnwanted(absl::Time now, Batch& batch);
  // The queue whose first call has the next turn. There is work.
  Queue& NextQueue(const Batch& batch);
  void TakeRow(WaitingCall& waiting, Batch& batch) const;

  const Options options_;
  // Each call has a row left.
  Queue underway_;
  Queue others_;
  bool passed_over_ = false;  // The others waited, and had no row in the last batch.
};

}  // namespace chorus::runner
