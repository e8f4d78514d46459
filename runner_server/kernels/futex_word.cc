#include "runner_server/kernels/futex_word.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

namespace chorus::runner {
namespace {

// Long enough to bridge the serial stretches of a forward pass, short against a scheduler's slice.
constexpr std::chrono::microseconds kSpinTime{20};

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
              std::atomic<uint32_t>::is_always_lock_free);  // What the kernel compares.

void Futex(std::atomic<uint32_t>& word, int operation, uint32_t value) {
  ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

// A sleeper announces itself before it looks a last time, and a change comes before the look for
// a sleeper: in the single order of these four, either sees the other.
template <typename Done>
uint32_t FutexWord::WaitUntil(const Done& done) {
  const auto spin_end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < 32; ++i) {
      if (const uint32_t seen = value(); done(seen)) return seen;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < spin_end);
  while (true) {
    has_sleeper_.store(true, std::memory_order_seq_cst);
    const uint32_t seen = value_.load(std::memory_order_seq_cst);
    if (done(seen)) {
      has_sleeper_.store(false, std::memory_order_relaxed);
      return seen;
    }
    Futex(value_, FUTEX_WAIT, seen);
  }
}

uint32_t FutexWord::WaitWhileEqual(uint32_t old) {
  return WaitUntil([old](uint32_t value) { return value != old; });
}

void FutexWord::WaitUntilZero() {
  WaitUntil([](uint32_t value) { return value == 0; });
}

void FutexWord::Increment() {
  value_.fetch_add(1, std::memory_order_seq_cst);
  Wake();
}

bool FutexWord::IncrementUnlessZero() {
  uint32_t seen = value();
  while (seen != 0) {
    if (value_.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel)) return true;
  }
  return false;
}

void FutexWord::Decrement() {
  if (value_.fetch_sub(1, std::memory_order_seq_cst) == 1) Wake();
}

// Once for each sleep: who wakes may take a while to run, and changes until then are for free.
void FutexWord::Wake() {
  if (has_sleeper_.load(std::memory_order_seq_cst) &&
      has_sleeper_.exchange(false, std::memory_order_seq_cst)) {
    Futex(value_, FUTEX_WAKE, 1);
  }
}

}  // namespace chorus::runner
