#include "runner_server/scheduler/queue_budget.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace chorus {

QueueBudget::Ticket::Ticket(Ticket&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), held_(std::exchange(other.held_, {})) {}

QueueBudget::Ticket& QueueBudget::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    Release();
    budget_ = std::exchange(other.budget_, nullptr);
    held_ = std::exchange(other.held_, {});
  }
  return *this;
}

absl::Status QueueBudget::Ticket::AddTokens(int64_t num_tokens) {
  const std::lock_guard lock(budget_->mutex_);
  int64_t& queued = budget_->usage_.tokens;
  const int64_t max = budget_->options_.max_tokens;
  if (queued > held_.tokens && queued + num_tokens > max) {
    return absl::ResourceExhaustedError(absl::StrCat("the queue has no room for ", num_tokens,
                                                     " tokens: it holds ", queued, " of at most ",
                                                     max, "; retry later or elsewhere"));
  }
  queued += num_tokens;
  held_.tokens += num_tokens;
  return absl::OkStatus();
}

void QueueBudget::Ticket::Release(Usage part) {
  if (budget_ == nullptr) return;
  held_.sequences -= part.sequences;
  held_.tokens -= part.tokens;
  const std::lock_guard lock(budget_->mutex_);
  budget_->usage_.sequences -= part.sequences;
  budget_->usage_.tokens -= part.tokens;
}

void QueueBudget::Ticket::Release() {
  Release(held_);
  budget_ = nullptr;
}

absl::StatusOr<QueueBudget::Ticket> QueueBudget::Enter(int64_t num_sequences) {
  const std::lock_guard lock(mutex_);
  if (usage_.sequences > 0 && usage_.sequences + num_sequences > options_.max_sequences) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the queue has no room for ", num_sequences, " more: it holds ", usage_.sequences,
        " of at most ", options_.max_sequences, " sequences; retry later or elsewhere"));
  }
  usage_.sequences += num_sequences;
  return Ticket(this, {.sequences = num_sequences, .tokens = 0});
}

QueueBudget::Usage QueueBudget::usage() const {
  const std::lock_guard lock(mutex_);
  return usage_;
}

}  // namespace chorus
