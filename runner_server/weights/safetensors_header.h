#pragma once

// The header of a safetensors file: names, types, shapes and places of its tensors.
//
// The format (https://github.com/huggingface/safetensors, "Format"): 8 bytes little-endian N, then
// N bytes of JSON, then the data. The JSON is one object, name -> {dtype, shape, data_offsets}, and
// an optional "__metadata__" of strings. A file comes from anywhere, so nothing in it is believed.
//
// Thread safety: plain values and a function without state.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace chorus::runner {

// Every type of the format. Only kF32, kF16 and kBF16 can be read as weights; the others are known
// so that a tensor which is ignored may have them.
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

std::string_view DTypeName(DType dtype);  // As the file spells it, such as "BF16".
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

// Largest header that is read; the format's own limit.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

// Reads the header at the start of `bytes`, the whole file. After OK, the tensors' ranges lie in
// the file, follow each other without gap or overlap, cover it to the end, and are each as long as
// shape and type say; no name occurs twice. Alignment is not promised. INVALID_ARGUMENT says which
// rule is broken, where and by which value.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view bytes);

}  // namespace chorus::runner
