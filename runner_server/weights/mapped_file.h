#pragma once

// A file mapped into memory for reading. It stays whole when the file is replaced, not when it is
// cut short in place.
//
// Thread safety: immutable once open.

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace chorus::runner {

class MappedFile {
 public:
  // absl::ErrnoToStatus's code, such as NOT_FOUND; INVALID_ARGUMENT if it is empty or no regular
  // file. Messages begin with the path.
  static absl::StatusOr<MappedFile> Open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(other.size_) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  std::string_view bytes() const { return {bytes_, size_}; }  // Valid until destruction.

 private:
  MappedFile(const char* bytes, size_t size) : bytes_(bytes), size_(size) {}

  const char* bytes_;  // Null once moved from.
  size_t size_;
};

}  // namespace chorus::runner
