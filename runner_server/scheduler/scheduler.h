#pragma once

// Chooses, for each engine step, which sequences run and on how many tokens (continuous batching):
// every running text decodes one token; what is left of the token budget goes to prompts, oldest
// first, in chunks if need be; a waiting sequence starts as soon as a KV slot and a token are left.
// Nothing waits for company, so there is no timer.
//
// Thread safety: none; owned and called by the engine thread only.
// Invariants: (1) a sequence is in exactly one of waiting_, running_. (2) Exactly the running ones
// hold KV slots. (3) A step is never empty while HasWork(), once what is no longer wanted has been
// dropped. (4) No sequence starts before one that was added earlier.
// Source: Yu et al., "Orca" (OSDI 2022); Agrawal et al., "Sarathi-Serve" (OSDI 2024).

#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/scheduler/sequence.h"
#include "runner_server/scheduler/slot_pool.h"

namespace chorus {

// One sequence's share of a step: its next `num_tokens` uncached tokens.
struct ScheduledRow {
  Sequence* sequence;  // The scheduler's; valid until Remove or the next Schedule.
  int num_tokens;
  bool wants_logits;  // These are the last uncached tokens, so the next one can be chosen.
};

struct DroppedSequence {
  std::unique_ptr<Sequence> sequence;
  absl::Status status;  // CANCELLED or DEADLINE_EXCEEDED.
};

struct ScheduledStep {
  std::vector<ScheduledRow> rows;        // Those that decode first.
  std::vector<DroppedSequence> dropped;  // Left waiting_ or running_; their slots are free again.
  int num_tokens = 0;                    // Of all rows.
  bool full = false;  // Tokens or slots ran out: something had to wait for the next step.
};

class Scheduler {
 public:
  struct Options {
    int max_step_tokens = 512;  // Prefill and decode tokens of one step. >= the number of slots.
  };

  // `slots` must outlive the scheduler. INVALID_ARGUMENT names the option that is out of range.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(const Options& options, SlotPool& slots);

  void Add(std::unique_ptr<Sequence> sequence);

  // What runs next. Sequences that are cancelled, or whose deadline is not after `now`, are dropped
  // and never run again. The caller runs every row, then counts its tokens as cached and appends
  // the token it chose, or removes the sequence.
  //
  // Example: A and B decode, C waits with a prompt of 5, budget 4: {A:1, B:1, C:2}, then
  // {A:1, B:1, C:2}, then {A:1, B:1, C:1}, whose last row is the first of C that wants logits.
  ScheduledStep Schedule(absl::Time now);

  // Ends a running sequence and frees its slot.
  std::unique_ptr<Sequence> Remove(const Sequence& sequence);

  // Ends them all, running and waiting, in order of arrival.
  std::vector<std::unique_ptr<Sequence>> RemoveAll();

  bool HasWork() const { return !waiting_.empty() || !running_.empty(); }
  int num_running() const { return static_cast<int>(running_.size()); }
  int num_waiting() const { return static_cast<int>(waiting_.size()); }

 private:
  Scheduler(const Options& options, SlotPool& slots) : options_(options), slots_(slots) {}

  void DropUnwanted(absl::Time now, ScheduledStep& step);
  void AddRow(Sequence& sequence, ScheduledStep& step) const;
  void StartNext();  // Moves the oldest waiting sequence to running_.

  const Options options_;
  SlotPool& slots_;
  std::deque<std::unique_ptr<Sequence>> waiting_;   // Oldest first.
  std::vector<std::unique_ptr<Sequence>> running_;  // Oldest first.
};

}  // namespace chorus
