#include "runner_server/scheduler/queue_budget.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace chorus::runner {

QueueBudget::Ticket::Ticket(Ticket&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)),
      underway_(other.underway_),
      held_(std::exchange(other.held_, {})) {}

QueueBudget::Ticket& QueueBudget::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    Release();
    budget_ = std::exchange(other.budget_, nullptr);
    underway_ = other.underway_;
    held_ = std::exchange(other.held_, {});
  }
  return *this;
}

absl::Status QueueBudget::Ticket::AddTokens(int64_t num_tokens) {
  const std::lock_guard lock(budget_->mutex_);
  Room& room = budget_->rooms_[underway_];
  const int64_t max = budget_->options_.max_tokens;
  const Usage next = {.sequences = held_.sequences, .tokens = held_.tokens + num_tokens};
  const int64_t others = room.counted_tokens - budget_->Counted(held_.tokens);
  if (others > 0 && others + budget_->Counted(next.tokens) > max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue has no room for ", num_tokens, " tokens: it holds ",
                     room.counted_tokens, " of at most ", max, "; retry later or elsewhere"));
  }
  budget_->Change(room, held_, next);
  held_ = next;
  return absl::OkStatus();
}

void QueueBudget::Ticket::Release(Usage part) {
  if (budget_ == nullptr) return;
  const Usage next = {.sequences = held_.sequences - part.sequences,
                      .tokens = held_.tokens - part.tokens};
  const std::lock_guard lock(budget_->mutex_);
  budget_->Change(budget_->rooms_[underway_], held_, next);
  held_ = next;
}

void QueueBudget::Ticket::Release() {
  Release(held_);
  budget_ = nullptr;
}

void QueueBudget::Change(Room& room, const Usage& before, const Usage& after) const {
  room.calls += (after.sequences > 0) - (before.sequences > 0);
  room.counted_tokens += Counted(after.tokens) - Counted(before.tokens);
  room.usage.sequences += after.sequences - before.sequences;
  room.usage.tokens += after.tokens - before.tokens;
}

absl::StatusOr<QueueBudget::Ticket> QueueBudget::Enter(int64_t num_sequences, bool underway) {
  const std::lock_guard lock(mutex_);
  Room& room = rooms_[underway];
  if (!underway && room.calls >= options_.max_calls) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue has no room for another call: it holds ", room.calls,
                     " of at most ", options_.max_calls, "; retry later or elsewhere"));
  }
  const Usage held = {.sequences = num_sequences};
  Change(room, {}, held);
  return Ticket(this, underway, held);
}

QueueBudget::Usage QueueBudget::usage() const {
  const std::lock_guard lock(mutex_);
  return {.sequences = rooms_[0].usage.sequences + rooms_[1].usage.sequences,
          .tokens = rooms_[0].usage.tokens + rooms_[1].usage.tokens};
}

}  // namespace chorus::runner
