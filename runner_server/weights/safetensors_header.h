#pragma once

// The header of a safetensors file: names, types, shapes and offsets of its tensors.
//
// The format (https://github.com/huggingface/safetensors, "Format"): 8 bytes little-endian N, then
// N bytes of JSON, then the data. The JSON is one object, name -> {dtype, shape, data_offsets}, and
// an optional "__metadata__" of strings. Files are untrusted.
//
// Thread safety: plain values and a function without state.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "runner_server/weights/tensor.h"

namespace chorus::runner {

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape;  // Empty for a scalar.
  uint64_t begin = 0;           // Bytes from the start of the data.
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // In the order of their data.
  uint64_t data_start = 0;          // Bytes from the start of the file.
};

// The format's limit.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

// Parses the header of `bytes`, the whole file. After OK, the tensors' ranges cover the data
// without gap or overlap and match shape and type, if Chorus knows that, and names are unique.
// Alignment is not guaranteed. INVALID_ARGUMENT says which rule is broken, where, by which value.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view bytes);

}  // namespace chorus::runner
