#pragma once

// Zeroed memory straight from the kernel, unmapped on destruction.
//
// Thread safety: that of a plain array.

#include <cstddef>

#include "absl/status/statusor.h"

namespace chorus::runner {

class MemoryRegion {
 public:
  enum class Paging {
    kHuge,  // In huge pages where there are any: for what is read straight through, as weights are.
    kLazy,  // Committed page by page as it is first written: for what may never be, as a KV cache.
  };

  MemoryRegion() = default;
  // RESOURCE_EXHAUSTED names `what` and the size if the kernel refuses. A size of 0 maps nothing.
  static absl::StatusOr<MemoryRegion> Create(size_t size_bytes, Paging paging, const char* what);

  MemoryRegion(MemoryRegion&& other) noexcept;
  MemoryRegion& operator=(MemoryRegion&& other) noexcept;
  ~MemoryRegion();

  // Makes it `size_bytes` long, which may move it; what is kept keeps its contents, added pages
  // are zeroed. Only of kLazy regions, and of empty ones, which become kLazy. False, and nothing
  // changes, if the kernel refuses.
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
