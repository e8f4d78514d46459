#pragma once

// Bounds what waits for the engine, in sequences and in tokens, so that overload is refused at the
// door and memory stays within limits.
//
// Thread safety: all methods may be called at once from any thread; each ticket by one thread at a
// time.
// Invariant: the usage is the sum of what live tickets hold. What runs is not queued: a ticket is
// released when its sequence is first scheduled.

#include <cstdint>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus {

class QueueBudget {
 public:
  struct Options {
    int64_t max_sequences = 256;   // >= 1.
    int64_t max_tokens = 1 << 18;  // >= 1. Of a generation, its prompt and the most new tokens.
  };
  struct Usage {
    int64_t sequences = 0;
    int64_t tokens = 0;
  };

  // A share of the queue, given back on destruction. The budget must outlive it.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { Release(); }

    // Adds tokens, once they have been counted. RESOURCE_EXHAUSTED, and nothing changes, if they do
    // not fit; beside no other tokens any number fits.
    absl::Status AddTokens(int64_t num_tokens);

    // Gives back a part, which the ticket must hold, or all that is left.
    void Release(Usage part);
    void Release();

   private:
    friend class QueueBudget;
    Ticket(QueueBudget* budget, Usage held) : budget_(budget), held_(held) {}

    QueueBudget* budget_ = nullptr;  // Null: holds nothing.
    Usage held_;
  };

  explicit QueueBudget(const Options& options) : options_(options) {}

  // RESOURCE_EXHAUSTED if the queue has no room for `num_sequences` more; in an empty queue any
  // number fits.
  absl::StatusOr<Ticket> Enter(int64_t num_sequences);

  Usage usage() const;

 private:
  const Options options_;
  mutable std::mutex mutex_;
  Usage usage_;  // Guarded by mutex_.
};

}  // namespace chorus
