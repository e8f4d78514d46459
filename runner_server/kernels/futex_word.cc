#include "runner_server/kernels/futex_word.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

namespace chorus {
namespace {

// Long enough to bridge the serial stretches of a forward pass, short against a scheduler's slice.
constexpr std::chrono::microseconds kSpinTime{20};

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
              std::atomic<uint32_t>::is_always_lock_free);  // What the kernel compares.

void Futex(std::atomic<uint32_t>& word, int operation, uint32_t value) {
  ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

template <typename Done>
bool FutexWord::Spin(const Done& done) const {
  const auto end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done(value())) return true;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// A waiter announces itself before it looks a last time, and a change comes before the look for
// one: in the single order of these four, either sees the other.
void FutexWord::Increment() {
  value_.fetch_add(1, std::memory_order_seq_cst);
  Wake();
}

void FutexWord::Decrement() {
  if (value_.fetch_sub(1, std::memory_order_seq_cst) == 1) Wake();
}

void FutexWord::Wake() {
  if (has_sleeper_.load(std::memory_order_seq_cst)) Futex(value_, FUTEX_WAKE, 1);
}

void FutexWord::WaitWhileEqual(uint32_t old) {
  if (Spin([old](uint32_t value) { return value != old; })) return;
  has_sleeper_.store(true, std::memory_order_seq_cst);
  while (value_.load(std::memory_order_seq_cst) == old) Futex(value_, FUTEX_WAIT, old);
  has_sleeper_.store(false, std::memory_order_relaxed);
}

void FutexWord::WaitUntilZero() {
  if (Spin([](uint32_t value) { return value == 0; })) return;
  has_sleeper_.store(true, std::memory_order_seq_cst);
  while (const uint32_t value = value_.load(std::memory_order_seq_cst)) {
    Futex(value_, FUTEX_WAIT, value);
  }
  has_sleeper_.store(false, std::memory_order_relaxed);
}

}  // namespace chorus
