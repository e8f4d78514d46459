#pragma once

// Chooses, for each engine step, which sequences run and on how many tokens (continuous batching):
// every running text decodes one token; what is left of the step goes to prompts, in chunks if need
// be, as DealPrefill deals it out; a waiting sequence starts as soon as there are a KV slot and the
// memory for its prompt. Nothing waits for company, so there is no timer.
//
// Turns: a newcomer waits behind those that came before, but for the later ones of many texts of a
// prompt, lest a call of 64 hold one of 1 up; and work underway goes before all that is not. A
// sequence is passed by no more than kMostPassed newcomers, so none starves.
//
// Memory: where texts outgrow the cap on the KV cache, the youngest running sequence gives up its
// slot and waits again, ahead of all others; it keeps its tokens, and when its turn comes, all of
// them are run like a prompt. Prefixes: a sequence whose tokens begin like those of a running one
// has that part of the KV cache copied. Neither changes a text, since what the model makes of a
// token does not depend, to the bit, on how the tokens before it were split over steps.
//
// Thread safety: none; owned and called by the engine thread only.
// Invariants: (1) a sequence is in exactly one of running_, waiting_, arrivals_; one after the
// other they are in order of their turns, which "older" below means. (2) Exactly the running ones
// hold KV slots. (3) A step is never empty while HasWork(), once what is no longer wanted has been
// dropped. (4) What a running sequence has cached or is about to is committed. (5) The oldest
// running sequence gets on in every step. Source: Yu et al., "Orca" (OSDI 2022); Agrawal et al.,
// "Sarathi-Serve" (OSDI 2024); Kwon et al., "PagedAttention" (SOSP 2023) for recomputation.

#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runner_server/scheduler/sequence.h"
#include "runner_server/scheduler/slot_pool.h"
#include "runner_server/scheduler/step_stats.h"
#include "runner_server/scheduler/step_time_model.h"

namespace chorus::runner {

// One sequence's share of a step: its next `num_tokens` uncached tokens.
struct ScheduledRow {
  Sequence* sequence;  // The scheduler's; valid until Remove or the next Schedule.
  int num_tokens;
  bool wants_logits;  // These are the last uncached tokens, so the next one can be chosen.
};

// The first `num_tokens` tokens of one slot, wanted in another too.
struct PrefixCopy {
  int from_slot;
  int to_slot;
  int num_tokens;
};

struct DroppedSequence {
  std::unique_ptr<Sequence> sequence;
  absl::Status status;  // CANCELLED or DEADLINE_EXCEEDED.
};

// To be carried out in this order: releases, copies, rows.
struct ScheduledStep {
  std::vector<SlotPool::Release> releases;
  std::vector<PrefixCopy> copies;        // Their sequences count them as cached already.
  std::vector<ScheduledRow> rows;        // Those that decode first.
  std::vector<DroppedSequence> dropped;  // Left waiting_ or running_; their slots are free again.
  int64_t num_attended = 0;
  StepStats stats;  // What is known before it is run.

  StepWork work() const { return {stats.num_tokens, num_attended}; }
};

class Scheduler {
 public:
  // Prompts get this many tokens of a step at least, however long the decoding takes.
  static constexpr int kMinPrefillTokens = 32;

  struct Options {
    int max_step_tokens = 512;  // Prefill and decode tokens of one step. >= the number of slots.
    // How long a step should take at most where texts wait for their next token, so long as only
    // prompts have to wait for it. Zero: no matter how long.
    absl::Duration target_step_time;
  };

  // `slots` must outlive the scheduler. INVALID_ARGUMENT names the option that is out of range.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(const Options& options, SlotPool& slots);

  // The sequence must fit into the KV cache, were it alone: max_tokens <= slots.max_tokens().
  void Add(std::unique_ptr<Sequence> sequence);

  // What runs next. Sequences that are cancelled, or whose deadline is not after `now`, are dropped
  // and never run again; so are newcomers whose first token would surely come after their deadline,
  // at half the time that is predicted for it. The caller runs every row, then counts its tokens as
  // cached and appends the token it chose, or removes the sequence.
  //
  // Example: A and B decode, C waits with a prompt of 5, budget 4: {A:1, B:1, C:2}, then
  // {A:1, B:1, C:2}, then {A:1, B:1, C:1}, whose last row is the first of C that wants logits.
  ScheduledStep Schedule(absl::Time now);

  // How long a step took, so that the next ones are predicted.
  void Observe(const ScheduledStep& step, absl::Duration duration) {
    step_times_.Observe(step.work(), duration);
  }

  // Ends a running sequence and frees its slot.
  std::unique_ptr<Sequence> Remove(const Sequence& sequence);

  // Ends them all, running and waiting, in order of arrival.
  std::vector<std::unique_ptr<Sequence>> RemoveAll();

  bool HasWork() const { return num_running() + num_waiting() > 0; }
  int num_running() const { return static_cast<int>(running_.size()); }
  int num_waiting() const { return static_cast<int>(waiting_.size() + arrivals_.size()); }

 private:
  Scheduler(const Options& options, SlotPool& slots) : options_(options), slots_(slots) {}

  // The stages of Schedule.
  void DropUnwanted(absl::Time now, ScheduledStep& step);
  void AdmitArrivals(absl::Time now, ScheduledStep& step);
  void Enqueue(std::unique_ptr<Sequence> newcomer);
  void AddDecodes(ScheduledStep& step);
  void StartWaiting();
  void AddPrefills(ScheduledStep& step);

  // DEADLINE_EXCEEDED if the first token of `sequence`, youngest of all, would come too late.
  absl::Status CheckInTime(const Sequence& sequence, absl::Time now) const;
  // How long that takes, going by the steps so far; zero if there were too few.
  absl::Duration TimeToFirstToken(const Sequence& sequence) const;
  // Tokens of its prompt that no other sequence begins with.
  int NumUnshared(const Sequence& sequence) const;
  void PreemptYoungest(ScheduledStep& step);
  bool CanStartNext() const;
  // How many of the `room` tokens left go to prompts, the oldest of which has `num_cached`.
  int PrefillBudget(const ScheduledStep& step, int num_cached, int room) const;
  static void AddRow(Sequence& sequence, int num_tokens, ScheduledStep& step);

  const Options options_;
  SlotPool& slots_;
  StepTimeModel step_times_;
  // All in order of their turns.
  std::vector<std::unique_ptr<Sequence>> arrivals_;  // Since the last Schedule.
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;
};

}  // namespace chorus::runner
