#pragma once

// A safetensors file mapped into memory. Unmapped on destruction, so the views must not outlive it.
//
// Thread safety: immutable once open.

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/weights/safetensors_header.h"

namespace chorus::runner {

class SafetensorsFile {
 public:
  // NOT_FOUND if there is no such file, PERMISSION_DENIED if it may not be read, INVALID_ARGUMENT
  // if its header breaks a rule; each message begins with the path.
  static absl::StatusOr<SafetensorsFile> Open(const std::filesystem::path& path);

  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;
  ~SafetensorsFile();

  const std::filesystem::path& path() const { return path_; }
  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }

  // The bytes of one of tensors(); not aligned to anything.
  std::string_view Data(const TensorInfo& tensor) const {
    return {bytes_ + header_.data_start + tensor.begin, tensor.end - tensor.begin};
  }

 private:
  SafetensorsFile(std::filesystem::path path, const char* bytes, size_t size)
      : path_(std::move(path)), bytes_(bytes), size_(size) {}

  std::filesystem::path path_;
  const char* bytes_;  // The mapping; null once moved from.
  size_t size_;
  SafetensorsHeader header_;
};

}  // namespace chorus::runner
