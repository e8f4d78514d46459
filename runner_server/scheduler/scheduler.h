#pragma once

// Chooses, for each engine step, which sequences run and on how many tokens (continuous batching):
// every running text decodes one token; the rest of the step goes to prompts, in chunks, as
// DealPrefill divides it; a waiting sequence starts as soon as there are a KV slot and memory for
// its prompt. There is no batching timer.
//
// Order: first come, first served, except that newcomers pass the later ones of many texts of one
// prompt, so that a call of 64 does not delay a call of 1, that they pass those of less priority,
// and that work underway passes all other.
// A sequence is passed by at most kMostPassed newcomers, so none starves.
//
// Preemption: when texts outgrow the cap on the KV cache, the youngest running sequence gives up
// its slot and waits again, ahead of all others; it keeps its tokens, which are later run again
// like a prompt. Prefix sharing: a sequence with the same beginning as a running one has that part
// of the KV cache copied. Neither changes a text, since results do not depend, to the bit, on how
// tokens are split over steps.
//
// Thread safety: none; owned and called by the engine thread only.
// Invariants: (1) A sequence is in exactly one of running_, waiting_, arrivals_, which concatenated
// are in order of age ("older" below). (2) Exactly the running ones hold KV slots. (3) A step is
// never empty while HasWork(), after drops. (4) Memory that a running sequence has cached or is
// about to is committed. (5) The oldest running sequence progresses in every step.
// Source: Yu et al., "Orca" (OSDI 2022); Agrawal et al., "Sarathi-Serve" (OSDI 2024); Kwon et al.,
// "PagedAttention" (SOSP 2023) for recomputation.

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
  Sequence* sequence;  // Owned by the scheduler; valid until Remove or the next Schedule.
  int num_tokens;
  bool wants_logits;  // The row ends the uncached tokens.
};

// Copies the first `num_tokens` tokens of a slot.
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
  std::vector<DroppedSequence> dropped;  // Removed; their slots are free.
  int64_t num_attended = 0;
  StepStats stats;  // What is known before it is run.

  StepWork work() const { return {stats.num_tokens, num_attended}; }
};

class Scheduler {
 public:
  // Prompts get at least this many tokens of a step, whatever the target time.
  static constexpr int kMinPrefillTokens = 32;

  struct Options {
    int max_step_tokens = 512;  // Prefill and decode tokens of one step. >= the number of slots.
    // Bounds the prefill of steps in which texts decode. Zero: no bound.
    absl::Duration target_step_time;
  };

  // `slots` must outlive the scheduler. INVALID_ARGUMENT names the option that is out of range.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(const Options& options, SlotPool& slots);

  // Takes ownership. The sequence must fit the KV cache alone: max_tokens <= slots.max_tokens().
  void Add(std::unique_ptr<Sequence> sequence);

  // The next step. Drops sequences that are cancelled or whose deadline is not after `now`, and
  // newcomers whose first token would miss their deadline even in half the predicted time. The
  // caller runs every row, then counts its tokens as cached and appends the chosen token, or
  // removes the sequence.
  //
  // Example: A and B decode, C waits with a prompt of 5, budget 4: {A:1, B:1, C:2}, then
  // {A:1, B:1, C:2}, then {A:1, B:1, C:1}, whose last row is the first of C that wants logits.
  ScheduledStep Schedule(absl::Time now);

  // Reports a step's duration, for predictions.
  void Observe(const ScheduledStep& step, absl::Duration duration) {
    step_times_.Observe(step.work(), duration);
  }

  // Ends a running sequence and frees its slot.
  std::unique_ptr<Sequence> Remove(const Sequence& sequence);

  // Removes all, running and waiting, in order of arrival.
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

  // DEADLINE_EXCEEDED if the first token of `sequence`, the youngest, would come too late.
  absl::Status CheckInTime(const Sequence& sequence, absl::Time now) const;
  // The predicted time; zero while unknown.
  absl::Duration TimeToFirstToken(const Sequence& sequence) const;
  // Tokens of its prompt that it shares with no other sequence.
  int NumUnshared(const Sequence& sequence) const;
  void PreemptYoungest(ScheduledStep& step);
  bool CanStartNext() const;
  // Prefill tokens, of the `room` left; the oldest prompt has `num_cached`.
  int PrefillBudget(const ScheduledStep& step, int num_cached, int room) const;
  static void AddRow(Sequence& sequence, int num_tokens, ScheduledStep& step);

  const Options options_;
  SlotPool& slots_;
  StepTimeModel step_times_;
  // Each in order of age.
  std::vector<std::unique_ptr<Sequence>> arrivals_;  // Since the last Schedule.
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;
};

}  // namespace chorus::runner
