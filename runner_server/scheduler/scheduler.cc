#include "runner_server/scheduler/scheduler.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runner_server/scheduler/prefill_shares.h"
#include "runner_server/scheduler/prefix_sharing.h"
#include "runner_server/scheduler/still_wanted.h"

namespace chorus::runner {
namespace {

// Share of a predicted time that a newcomer surely waits, since those before it may leave and the
// machine may get faster.
constexpr double kCertainty = 0.5;

constexpr int kMostPassed = 64;
// So many texts of a prompt wait together, and newcomers go before the others.
constexpr uint32_t kTextsTogether = 8;

// Whether a newcomer has its turn before `other`, which waits.
bool GoesBefore(const Sequence& newcomer, const Sequence& other) {
  if (other.has_run() || other.num_passed >= kMostPassed) return false;
  if (newcomer.underway != other.underway) return newcomer.underway;
  if (newcomer.priority != other.priority) return newcomer.priority > other.priority;
  return newcomer.text_index + kTextsTogether <= other.text_index;
}

// CANCELLED or DEADLINE_EXCEEDED where a sequence is not to run any more.
absl::Status CheckNotLapsed(const Sequence& sequence, absl::Time now) {
  absl::Status status = CheckStillWanted(sequence.stop, sequence.deadline, now);
  if (status.ok() && now >= sequence.lapses_at()) {
    return absl::DeadlineExceededError(
        "the time given to the text was over before its first token");
  }
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Create(const Options& options,
                                                             SlotPool& slots) {
  if (options.max_step_tokens < slots.num_slots()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_step_tokens must be at least the number of KV slots, ", slots.num_slots(),
        ", so that every running text can decode in every step: ", options.max_step_tokens));
  }
  return std::unique_ptr<Scheduler>(new Scheduler(options, slots));
}

void Scheduler::Add(std::unique_ptr<Sequence> sequence) {
  assert(!sequence->tokens.empty() && sequence->num_generated() == 0);
  assert(sequence->max_tokens <= slots_.max_tokens());
  arrivals_.push_back(std::move(sequence));
}

ScheduledStep Scheduler::Schedule(absl::Time now) {
  ScheduledStep step;
  DropUnwanted(now, step);
  AdmitArrivals(now, step);
  AddDecodes(step);
  // The sequence just preempted is first in line, and there is no room for it.
  if (step.stats.num_preempted == 0) StartWaiting();
  AddPrefills(step);
  if (step.stats.num_preempted > 0) {
    step.stats.limited_by = StepLimit::kKvBytes;
  } else if (!step.stats.full() && !waiting_.empty()) {
    step.stats.limited_by = slots_.CanAllocate() ? StepLimit::kKvBytes : StepLimit::kSlots;
  }
  step.releases = slots_.TakeReleases();
  step.stats.num_rows = static_cast<int>(step.rows.size());
  step.stats.num_running = num_running();
  step.stats.num_waiting = num_waiting();
  step.stats.num_kv_tokens = slots_.num_needed_tokens();
  step.stats.predicted = step_times_.Predict(step.work()).value_or(absl::ZeroDuration());
  return step;
}

void Scheduler::DropUnwanted(absl::Time now, ScheduledStep& step) {
  const auto drop_from = [&](auto& sequences) {
    for (auto& sequence : sequences) {
      absl::Status status = CheckNotLapsed(*sequence, now);
      if (status.ok()) continue;
      if (sequence->slot >= 0) slots_.Free(std::exchange(sequence->slot, -1));
      step.dropped.push_back({std::move(sequence), std::move(status)});
    }
    std::erase(sequences, nullptr);
  };
  drop_from(running_);
  drop_from(waiting_);
}

void Scheduler::AdmitArrivals(absl::Time now, ScheduledStep& step) {
  for (auto& sequence : std::exchange(arrivals_, {})) {
    sequence->num_unshared = NumUnshared(*sequence);
    absl::Status status = CheckNotLapsed(*sequence, now);
    if (status.ok()) status = CheckInTime(*sequence, now);
    if (status.ok()) {
      Enqueue(std::move(sequence));
    } else {
      step.dropped.push_back({std::move(sequence), std::move(status)});
    }
  }
}

void Scheduler::Enqueue(std::unique_ptr<Sequence> newcomer) {
  auto place = waiting_.end();
  while (place != waiting_.begin() && GoesBefore(*newcomer, **std::prev(place))) {
    --place;
    ++(*place)->num_passed;
  }
  waiting_.insert(place, std::move(newcomer));
}

int Scheduler::NumUnshared(const Sequence& sequence) const {
  if (sequence.runs_whole) return sequence.num_prompt_tokens;
  int num_shared = 0;
  const auto compare_with = [&](const auto& others) {
    for (const auto& other : others) {
      num_shared = std::max(num_shared, CommonPrefix(sequence.tokens, other->tokens));
    }
  };
  compare_with(running_);
  compare_with(waiting_);
  return std::max(1, sequence.num_prompt_tokens - num_shared);
}

absl::Status Scheduler::CheckInTime(const Sequence& sequence, absl::Time now) const {
  const absl::Time deadline = sequence.lapses_at();
  if (deadline == absl::InfiniteFuture()) return absl::OkStatus();
  const absl::Duration predicted = kCertainty * TimeToFirstToken(sequence);
  if (now + predicted < deadline) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("the first token would come after ",
                   deadline < sequence.deadline ? "the time given to the text, which ends in "
                                                : "the deadline, which is in ",
                   absl::FormatDuration(deadline - now), ": at the earliest in ",
                   absl::FormatDuration(predicted), "; retry later or elsewhere"));
}

// Counts only certain work: not the wait for a slot, since texts may end any time, nor the decoding
// beside the prefill, nor long prompts that a short one passes.
absl::Duration Scheduler::TimeToFirstToken(const Sequence& sequence) const {
  const int most_that_passes = options_.max_step_tokens / 2;
  const bool passes = sequence.num_unshared <= most_that_passes;
  int64_t num_tokens = sequence.num_unshared;
  const auto add_older = [&](const auto& others, bool wait) {
    for (const auto& other : others) {
      if (other->is_decoding() || (wait && GoesBefore(sequence, *other))) continue;
      const int num_left = std::min(other->num_uncached(), other->num_unshared);
      if (!passes || num_left <= most_that_passes) num_tokens += num_left;
    }
  };
  add_older(running_, /*wait=*/false);
  add_older(waiting_, /*wait=*/true);
  const int64_t num_steps = (num_tokens + options_.max_step_tokens - 1) / options_.max_step_tokens;
  const std::optional<absl::Duration> step_time =
      step_times_.Predict({.num_tokens = num_tokens / num_steps});
  return num_steps * step_time.value_or(absl::ZeroDuration());
}

void Scheduler::AddDecodes(ScheduledStep& step) {
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i];
    if (!sequence.is_decoding()) continue;
    // All that follow it are younger and not in the step yet, and it may be the youngest itself.
    while (!slots_.TryCommit(sequence.slot, sequence.num_cached + 1)) {
      PreemptYoungest(step);
      if (i == running_.size()) return;
    }
    AddRow(sequence, 1, step);
    ++step.stats.num_decode_rows;
  }
}

void Scheduler::PreemptYoungest(ScheduledStep& step) {
  assert(running_.size() > 1);  // Alone, a sequence fits: see Add.
  std::unique_ptr<Sequence> youngest = std::move(running_.back());
  running_.pop_back();
  slots_.Free(std::exchange(youngest->slot, -1));
  youngest->num_cached = 0;
  ++youngest->num_preemptions;
  waiting_.push_front(std::move(youngest));
  ++step.stats.num_preempted;
}

// Beside others a sequence starts only if a block for each, itself included, is left to grow, or it
// would soon be preempted.
bool Scheduler::CanStartNext() const {
  if (waiting_.empty() || !slots_.CanAllocate()) return false;
  return running_.empty() ||
         slots_.CanCommit(std::ssize(waiting_.front()->tokens), num_running() + 1);
}

void Scheduler::StartWaiting() {
  while (CanStartNext()) {
    std::unique_ptr<Sequence> next = std::move(waiting_.front());
    waiting_.pop_front();
    next->slot = slots_.Allocate();
    [[maybe_unused]] const bool committed = slots_.TryCommit(next->slot, std::ssize(next->tokens));
    assert(committed);
    running_.push_back(std::move(next));
  }
}

void Scheduler::AddPrefills(ScheduledStep& step) {
  struct Prompt {
    Sequence& sequence;
    PrefixShare share;
  };
  std::vector<Prompt> prompts;
  std::vector<int> num_left;
  for (const auto& sequence : running_) {
    if (sequence->is_decoding()) continue;
    PrefixShare share;
    if (sequence->num_cached == 0) share = FindPrefixShare(*sequence, running_);
    if (share.worth_waiting) {
      ++step.stats.num_awaiting_prefix;
      continue;
    }
    prompts.push_back({*sequence, share});
    num_left.push_back(sequence->num_uncached() - share.num_tokens);
  }
  if (prompts.empty()) return;
  const int room = options_.max_step_tokens - step.stats.num_tokens;
  const Prompt& oldest = prompts[0];
  const int budget =
      PrefillBudget(step, oldest.sequence.num_cached + oldest.share.num_tokens, room);
  const std::vector<int> shares = DealPrefill(num_left, budget);
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (shares[i] < num_left[i]) {
      step.stats.limited_by = budget < room ? StepLimit::kTargetTime : StepLimit::kTokens;
    }
    if (shares[i] == 0) continue;
    auto& [sequence, share] = prompts[i];
    if (share.from != nullptr) {
      step.copies.push_back({share.from->slot, sequence.slot, share.num_tokens});
      step.stats.num_shared_tokens += share.num_tokens;
      sequence.num_cached = share.num_tokens;
    }
    sequence.ticket.Release();
    AddRow(sequence, shares[i], step);
    step.stats.num_prompt_tokens += shares[i];
  }
}

int Scheduler::PrefillBudget(const ScheduledStep& step, int num_cached, int room) const {
  if (step.stats.num_decode_rows == 0 || options_.target_step_time == absl::ZeroDuration())
    return room;
  const int fitting =
      step_times_.FittingTokens(step.work(), num_cached, room, options_.target_step_time);
  return std::max(fitting, std::min(room, kMinPrefillTokens));
}

void Scheduler::AddRow(Sequence& sequence, int num_tokens, ScheduledStep& step) {
  assert(num_tokens >= 1 && num_tokens <= sequence.num_uncached());
  step.rows.push_back({&sequence, num_tokens, num_tokens == sequence.num_uncached()});
  StepWork work = step.work();
  work.Add(sequence.num_cached, num_tokens);
  step.stats.num_tokens = static_cast<int>(work.num_tokens);
  step.num_attended = work.num_attended;
}

std::unique_ptr<Sequence> Scheduler::Remove(const Sequence& sequence) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& other) { return other.get() == &sequence; });
  assert(found != running_.end());
  std::unique_ptr<Sequence> removed = std::move(*found);
  running_.erase(found);
  slots_.Free(std::exchange(removed->slot, -1));
  return removed;
}

std::vector<std::unique_ptr<Sequence>> Scheduler::RemoveAll() {
  std::vector<std::unique_ptr<Sequence>> removed = std::exchange(running_, {});
  for (const auto& sequence : removed) slots_.Free(std::exchange(sequence->slot, -1));
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(removed));
  std::move(arrivals_.begin(), arrivals_.end(), std::back_inserter(removed));
  waiting_.clear();
  arrivals_.clear();
  return removed;
}

}  // namespace chorus::runner
