#pragma once

// Bounds what waits for the engine, in calls and in tokens, so that overload is refused at the door
// and memory stays within limits.
//
// A call of many texts is one call. Its tokens count, but no more of them than
// max_tokens_of_call, so that one call however large leaves room for others.
//
// Calls that are a step of a run which runners have worked for already have room of their own, as
// many tokens again: they are not refused because newcomers fill the queue, and what was computed
// for them is not lost. Their number is bounded where their runs began.
//
// Thread safety: all methods may be called at once from any thread; each ticket by one thread at a
// time.
// Invariant: the usage is the sum of what live tickets hold. What runs is not queued: a ticket is
// released when its sequence is first scheduled.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chorus::runner {

class QueueBudget {
 public:
  struct Options {
    int64_t max_calls = 256;       // >= 1. Not of those underway.
    int64_t max_tokens = 1 << 18;  // >= 1. Of a generation, its prompt and the most new tokens.
    int64_t max_tokens_of_call = std::numeric_limits<int64_t>::max();  // >= 1.
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
    Ticket(QueueBudget* budget, bool underway, Usage held)
        : budget_(budget), underway_(underway), held_(held) {}

    QueueBudget* budget_ = nullptr;  // Null: holds nothing.
    bool underway_ = false;
    Usage held_;
  };

  explicit QueueBudget(const Options& options) : options_(options) {}

  // For one call. RESOURCE_EXHAUSTED if as many wait as may.
  absl::StatusOr<Ticket> Enter(int64_t num_sequences, bool underway = false);

  Usage usage() const;

 private:
  // What waits in one of the two.
  struct Room {
    int64_t calls = 0;
    int64_t counted_tokens = 0;
    Usage usage;
  };

  // How much of a call's tokens count.
  int64_t Counted(int64_t tokens) const { return std::min(tokens, options_.max_tokens_of_call); }
  // A ticket's share of a room, from `before` to `after`. Under the lock.
  void Change(Room& room, const Usage& before, const Usage& after) const;

  const Options options_;
  mutable std::mutex mutex_;
  Room rooms_[2];  // Of calls underway: the second. Guarded by mutex_.
};

}  // namespace chorus::runner
