#pragma once

// A counter that threads change and one thread waits on. The waiter spins for some microseconds,
// since within a forward pass the change comes at once, then sleeps on a futex. Unlike
// std::atomic::wait it does not yield before it sleeps, and a change enters the kernel only if
// there is a sleeper.
//
// Thread safety: all methods may be called from any thread; at most one thread waits at a time.
// Memory order: a change releases, and reading or waiting acquires.

#include <atomic>
#include <cstdint>

namespace chorus::runner {

class alignas(64) FutexWord {
 public:
  uint32_t value() const { return value_.load(std::memory_order_acquire); }

  // Adds one, wrapping around; wakes the waiter.
  void Increment();

  // Adds one unless the value is zero, then false. Wakes nobody.
  bool IncrementUnlessZero();

  // Sets the value. Nobody may wait.
  void Reset(uint32_t value) { value_.store(value, std::memory_order_release); }

  // Subtracts one; wakes the waiter at zero.
  void Decrement();

  // Blocks until the value differs from `old`; returns it.
  uint32_t WaitWhileEqual(uint32_t old);

  // Blocks until the value is zero, reached by Decrement.
  void WaitUntilZero();

 private:
  // Blocks until `done(value)`; returns the value.
  template <typename Done>
  uint32_t WaitUntil(const Done& done);
  void Wake();

  std::atomic<uint32_t> value_ = 0;
  std::atomic<bool> has_sleeper_ = false;  // Or a thread about to sleep; reset by its waker.
};

}  // namespace chorus::runner
