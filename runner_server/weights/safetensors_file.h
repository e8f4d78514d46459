#pragma once

// A memory-mapped safetensors file. Views must not outlive it.
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
  // NOT_FOUND, PERMISSION_DENIED, or INVALID_ARGUMENT for an invalid header; messages begin with
  // the path.
  static absl::StatusOr<SafetensorsFile> Open(const std::filesystem::path& path);

  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;
  ~SafetensorsFile();

  const std::filesystem::path& path() const { return path_; }
  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }

  // The bytes of one of tensors(); unaligned.
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
