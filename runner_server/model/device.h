#pragma once

// What a model tells of the device that it runs on.
// Thread safety: plain data.

#include <cstdint>
#include <stdexcept>

namespace chorus::runner {

// Of a device with memory of its own; zeros for the CPU.
struct DeviceStats {
  int64_t memory_bytes = 0;       // That it has,
  int64_t used_memory_bytes = 0;  // and that are in use, by other processes too.
  int64_t num_recordings = 0;     // Shapes of steps that were recorded to be played back.
};

// The device does not answer any more, and nothing that this process asks of it will succeed.
class DeviceLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace chorus::runner
