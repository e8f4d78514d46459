#pragma once

// The header of a safetensors file: names, types, shapes and offsets of its tensors.
//
// The format (https://github.com/huggingface/safetensors, "Format"): 8 bytes little-endian N, then
// N bytes of JSON, then the data. The JSON is one object, name -> {dtype, shape, data_offsets}, and
// an optional "__metadata__" of strings. Files are untrusted.
//
// Thread safety: plain values and a function without state.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus::runner {

// Every type of the format. Only kF32, kF16 and kBF16 can be read as weights; ignored tensors may
// have any.
enum class DType {
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kF64,
  kI64,
  kU64,
};

std::string_view DTypeName(DType dtype);  // As in the file, such as "BF16".
size_t DTypeSizeBytes(DType dtype);

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
// without gap or overlap and match shape and type, and names are unique. Alignment is not
// guaranteed. INVALID_ARGUMENT says which rule is broken, where, by which value.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view bytes);

}  // namespace chorus::runner
