#pragma once

// Counts work in progress, so that its owner can wait for all of it to end.
//
// Thread safety: all methods may be called from any thread. The InFlight must outlive its tickets:
// call Wait() in the owner's destructor, when nothing can enter any more.
//
//   struct Server {
//     ~Server() { in_flight_.Wait(); }
//     void Start() { Work([this, ticket = in_flight_.Enter()] { ... }); }
//     InFlight in_flight_;
//   };

#include <condition_variable>
#include <memory>
#include <mutex>

#include "absl/time/time.h"

namespace chorus {

class InFlight {
 public:
  struct Leave {
    void operator()(InFlight* in_flight) const { in_flight->OnLeave(); }
  };
  // One unit of work, counted until the ticket is destroyed.
  using Ticket = std::unique_ptr<InFlight, Leave>;

  InFlight() = default;
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  Ticket Enter() {
    std::lock_guard lock(mutex_);
    ++count_;
    return Ticket(this);
  }

  // Blocks until there is no ticket.
  void Wait() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return count_ == 0; });
  }

  // The same, but until `deadline` at most. True if there is none.
  bool WaitUntil(absl::Time deadline) {
    std::unique_lock lock(mutex_);
    return none_.wait_until(lock, absl::ToChronoTime(deadline), [this] { return count_ == 0; });
  }

 private:
  void OnLeave() {
    std::lock_guard lock(mutex_);
    // Under the lock: the waiter may destroy this as soon as it sees 0.
    if (--count_ == 0) none_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable none_;
  int count_ = 0;
};

}  // namespace chorus
