#pragma once

// A number that threads change and that one of them waits on: it spins for some microseconds, since
// within a forward pass the change comes at once, and then sleeps on a futex. std::atomic::wait
// would yield the core several times before it sleeps; and who changes a FutexWord enters the
// kernel only if there is a sleeper to wake.
//
// Thread safety: all methods may be called at once from any thread, but only one waits at a time.
// Memory order: what a thread wrote before a change is seen by whoever has seen the change.

#include <atomic>
#include <cstdint>

namespace chorus::runner {

class alignas(64) FutexWord {
 public:
  uint32_t value() const { return value_.load(std::memory_order_acquire); }

  // Changes the value by one, wraps around; what waits for it wakes.
  void Increment();

  // Changes the value by one, unless it is zero: then false. Wakes nobody.
  bool IncrementUnlessZero();

  // Sets the value while nobody waits.
  void Reset(uint32_t value) { value_.store(value, std::memory_order_release); }

  // Changes the value by minus one; what waits wakes once it is zero, and need not before.
  void Decrement();

  // Returns the value once it is no longer `old`.
  uint32_t WaitWhileEqual(uint32_t old);

  // Returns once the value is zero, to which it falls by Decrement.
  void WaitUntilZero();

 private:
  // Returns the value for which `done` is true, once it is.
  template <typename Done>
  uint32_t WaitUntil(const Done& done);
  void Wake();

  std::atomic<uint32_t> value_ = 0;
  std::atomic<bool> has_sleeper_ = false;  // Or one about to sleep; false once it is being woken.
};

}  // namespace chorus::runner
