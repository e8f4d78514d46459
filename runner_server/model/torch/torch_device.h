#pragma once

// A device of libtorch's, as those know it who know nothing of libtorch: its exceptions end at this
// library.
//
// Thread safety: free functions without state.

#include <new>
#include <stdexcept>
#include <utility>

#include "runner_server/model/device.h"
#include "runner_server/tensor/torch.h"

namespace chorus::runner {

// Runs `f` without gradients. Throws std::bad_alloc if the device has no memory, DeviceLost if it
// failed, after which CUDA answers nothing but errors, and std::runtime_error for anything else.
template <typename F>
auto WithoutTorchErrors(F&& f) {
  const c10::InferenceMode no_gradients;
  try {
    return std::forward<F>(f)();
  } catch (const c10::OutOfMemoryError&) {
    throw std::bad_alloc();
  } catch (const c10::AcceleratorError& error) {
    throw DeviceLost(error.what_without_backtrace());
  } catch (const c10::Error& error) {
    throw std::runtime_error(error.what_without_backtrace());
  }
}

// Of a device of libtorch's, from any thread.
inline DeviceStats StatsOf(const at::Device& device) {
  if (device.is_cpu()) return {};
  const auto [free, total] = at::accelerator::getMemoryInfo(device.index());
  return {.memory_bytes = static_cast<int64_t>(total),
          .used_memory_bytes = static_cast<int64_t>(total - free)};
}

}  // namespace chorus::runner
