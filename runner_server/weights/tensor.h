#pragma once

// A tensor as a file stores it.
//
// Thread safety: plain values and functions without state.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::runner {

// Only kF32, kF16 and kBF16 can be read as weights; ignored tensors may have any.
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
  kC64,
  kC128,
  kOther,  // One that Chorus does not know, such as a later version of the format adds.
};

std::string_view DTypeName(DType dtype);  // As in safetensors, such as "BF16".
size_t DTypeSizeBytes(DType dtype);       // 0 of kOther.

struct StoredTensor {
  std::string name;  // Untrusted: escape it for a message.
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape;    // Empty for a scalar. The number of elements fits 64 bits.
  std::vector<uint64_t> strides;  // In elements, one an extent; empty: row-major, without gaps.
  std::string_view data;          // From the first element to the end of the last; unaligned.
};

// A tensor's name, made safe and short enough for a message.
std::string ShownName(std::string_view name);

// The product of the extents; no tensor of a file has more elements than 64 bits count.
inline uint64_t NumElements(const StoredTensor& tensor) {
  uint64_t count = 1;
  for (const uint64_t extent : tensor.shape) count *= extent;
  return count;
}

}  // namespace chorus::runner
