#pragma once

// Bounds what waits for the engine, in calls and in tokens, so that overload is refused early and
// memory is bounded.
//
// A call of many texts is one call; at most max_tokens_of_call of its tokens count, so that a large
// call leaves room for others.
//
// Calls underway, a step of a run for which runners have worked already, have room of their own, as
// many tokens again, so that newcomers do not cause that work to be lost. Their number is bounded
// where their runs began.
//
// Thread safety: all methods may be called from any thread; each ticket by one thread at a time.
// Invariant: the usage is the sum over live tickets. A ticket is released when its sequence is
// first scheduled.

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
    int64_t max_calls = 256;       // >= 1. Without those underway.
    int64_t max_tokens = 1 << 18;  // >= 1. A generation counts prompt and maximum new tokens.
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

    // Adds tokens, once counted. RESOURCE_EXHAUSTED, and nothing changes, if they do not fit; into
    // an empty queue any number fits.
    absl::Status AddTokens(int64_t num_tokens);

    // Releases a part, which the ticket must hold, or all.
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

  // A ticket for one call. RESOURCE_EXHAUSTED if the queue is full.
  absl::StatusOr<Ticket> Enter(int64_t num_sequences, bool underway = false);

  Usage usage() const;

 private:
  // The usage of one room.
  struct Room {
    int64_t calls = 0;
    int64_t counted_tokens = 0;
    Usage usage;
  };

  // The counted part of a call's tokens.
  int64_t Counted(int64_t tokens) const { return std::min(tokens, options_.max_tokens_of_call); }
  // Changes a ticket's share of a room. Requires mutex_.
  void Change(Room& room, const Usage& before, const Usage& after) const;

  const Options options_;
  mutable std::mutex mutex_;
  Room rooms_[2];  // The second for calls underway. Guarded by mutex_.
};

}  // namespace chorus::runner
