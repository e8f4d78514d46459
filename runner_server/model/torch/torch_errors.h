#pragma once

// libtorch's exceptions end at this library: its callers know std::bad_alloc alone.
// Thread safety: a free function without state.

#include <new>
#include <utility>

#include "runner_server/tensor/torch.h"

namespace chorus::runner {

// Runs `f` without gradients. Throws std::bad_alloc if the device has no memory.
template <typename F>
auto WithoutTorchErrors(F&& f) {
  const c10::InferenceMode no_gradients;
  try {
    return std::forward<F>(f)();
  } catch (const c10::OutOfMemoryError&) {
    throw std::bad_alloc();
  }
}

}  // namespace chorus::runner
