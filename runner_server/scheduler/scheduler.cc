#include "runner_server/scheduler/scheduler.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runner_server/scheduler/still_wanted.h"

namespace chorus {

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
  waiting_.push_back(std::move(sequence));
}

ScheduledStep Scheduler::Schedule(absl::Time now) {
  ScheduledStep step;
  DropUnwanted(now, step);
  for (const auto& sequence : running_) {
    if (sequence->is_decoding()) AddRow(*sequence, step);
  }
  for (const auto& sequence : running_) {
    if (!sequence->is_decoding()) AddRow(*sequence, step);
  }
  while (!waiting_.empty() && slots_.CanAllocate() && step.num_tokens < options_.max_step_tokens) {
    StartNext();
    AddRow(*running_.back(), step);
  }
  step.full = step.full || !waiting_.empty();
  return step;
}

void Scheduler::DropUnwanted(absl::Time now, ScheduledStep& step) {
  const auto drop_from = [&](auto& sequences) {
    for (auto& sequence : sequences) {
      absl::Status status = CheckStillWanted(sequence->stop, sequence->deadline, now);
      if (status.ok()) continue;
      if (sequence->slot >= 0) slots_.Free(std::exchange(sequence->slot, -1));
      step.dropped.push_back({std::move(sequence), std::move(status)});
    }
    std::erase(sequences, nullptr);
  };
  drop_from(running_);
  drop_from(waiting_);
}

void Scheduler::AddRow(Sequence& sequence, ScheduledStep& step) const {
  const int num_uncached = sequence.num_uncached();
  assert(num_uncached > 0);
  const int num_tokens = std::min(num_uncached, options_.max_step_tokens - step.num_tokens);
  if (num_tokens < num_uncached) step.full = true;
  if (num_tokens == 0) return;
  step.rows.push_back({&sequence, num_tokens, num_tokens == num_uncached});
  step.num_tokens += num_tokens;
}

void Scheduler::StartNext() {
  running_.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  running_.back()->slot = slots_.Allocate();
  running_.back()->ticket.Release();
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
  waiting_.clear();
  return removed;
}

}  // namespace chorus
