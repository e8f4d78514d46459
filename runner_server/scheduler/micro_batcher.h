#pragma once

// Forms batches of an encoder's texts under a token budget. There is no batching timer: whenever
// the model is free, the rows that have arrived form the next batch.
//
// Calls take turns, a row each, so that a call of one text does not wait for a call of a thousand,
// and none starves. Calls underway, a step of a run for which runners have worked already, come
// first, so that that work is not lost; but if the others had no row in a batch, they have the
// first of the next.
//
// Thread safety: none; owned and called by the engine thread only.
// Invariants: (1) each row added is handed out once, or its call is dropped. (2) The rows of a call
// are handed out in order. (3) A batch is never empty while HasWork(), after drops.

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
#include "runner_server/tokenizer/tokenizer.h"

namespace chorus::runner {

// The texts of one call, tokenised.
struct TextCall {
  uint64_t id = 0;             // Chosen by the caller, unique among live calls.
  std::vector<Encoding> rows;  // At least 1, each at least 1 token.
  absl::Time deadline = absl::InfiniteFuture();
  std::stop_token stop;
  QueueBudget::Ticket ticket;  // Released row by row as they enter batches.
  bool underway = false;       // See above.
};

struct BatchRow {
  uint64_t call;
  int index;  // Into the call's rows.
  Encoding tokens;
};

struct DroppedCall {
  uint64_t id;
  absl::Status status;  // CANCELLED or DEADLINE_EXCEEDED.
};

struct Batch {
  std::vector<BatchRow> rows;                  // Shortest first.
  std::vector<DroppedCall> dropped;            // Calls whose remaining rows are not handed out.
  int num_tokens = 0;                          // Of all rows.
  StepLimit limited_by = StepLimit::kNothing;  // Why rows wait for the next batch.
};

class MicroBatcher {
 public:
  struct Options {
    int max_batch_tokens = 512;  // >= 1. A longer row makes a batch of its own.
    int max_batch_rows = 64;     // >= 1.
  };

  // INVALID_ARGUMENT names the option that is out of range.
  static absl::StatusOr<std::unique_ptr<MicroBatcher>> Create(const Options& options);

  void Add(TextCall call);

  // The next batch. First drops calls that are cancelled or whose deadline is not after `now`.
  //
  // Example: calls A with rows of 4, 4 and 4 tokens and B with one of 2, budget 10: {B0, A0, A1},
  // then {A2}.
  Batch Form(absl::Time now);

  // Removes the waiting rows of a call, if any.
  void Remove(uint64_t id);

  // Removes all waiting rows; returns the ids of their calls in order of turn.
  std::vector<uint64_t> RemoveAll();

  bool HasWork() const { return !underway_.empty() || !others_.empty(); }

 private:
  struct WaitingCall {
    TextCall call;
    size_t next_row = 0;
  };

  using Queue = std::deque<std::unique_ptr<WaitingCall>>;  // In order of turn.

  explicit MicroBatcher(const Options& options) : options_(options) {}

  void DropUnwanted(absl::Time now, Batch& batch);
  // The queue whose first call has the next turn. Requires HasWork().
  Queue& NextQueue(const Batch& batch);
  void TakeRow(WaitingCall& waiting, Batch& batch) const;

  const Options options_;
  // Each call has a row left.
  Queue underway_;
  Queue others_;
  bool passed_over_ = false;  // others_ waited and had no row in the last batch.
};

}  // namespace chorus::runner
