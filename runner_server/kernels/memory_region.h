#pragma once

// Zeroed memory mapped from the kernel, unmapped on destruction.
//
// Thread safety: that of a plain array.

#include <cstddef>

#include "absl/status/statusor.h"

namespace chorus::runner {

class MemoryRegion {
 public:
  enum class Paging {
    kHuge,  // In huge pages if available: for data read sequentially, such as weights.
    kLazy,  // Committed page by page on first write, such as a KV cache.
  };

  MemoryRegion() = default;
  // RESOURCE_EXHAUSTED names `what` and the size if the kernel refuses. A size of 0 maps nothing.
  static absl::StatusOr<MemoryRegion> Create(size_t size_bytes, Paging paging, const char* what);

  MemoryRegion(MemoryRegion&& other) noexcept;
  MemoryRegion& operator=(MemoryRegion&& other) noexcept;
  ~MemoryRegion();

  // Resizes, perhaps moving the region; keeps contents and zeroes added pages. Only for kLazy
  // regions and empty ones, which become kLazy. False, and nothing changes, if the kernel refuses.
  bool Resize(size_t size_bytes);

  // Aligned to a page (4096 bytes) at least.
  char* data() const { return static_cast<char*>(data_); }
  float* floats() const { return static_cast<float*>(data_); }
  size_t size_bytes() const { return size_bytes_; }

 private:
  MemoryRegion(void* data, size_t size_bytes) : data_(data), size_bytes_(size_bytes) {}

  void* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace chorus::runner
